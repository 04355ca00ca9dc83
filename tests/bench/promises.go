package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// promise is one number that linkd is to keep, and what it was at each size.
type promise struct {
	what, unit string
	format     string
	most       float64 // NaN: told, not promised
	least      float64 // the same, from below
	from       int     // the smallest size that it is promised for
	at         func(r *report, n int) float64
}

var told = math.NaN()

var promises = []promise{
	{"apply, times the floor", "x", "%.2f", 1.3, told, 0, func(r *report, n int) float64 { return r.against(n, linkdName, floorName) }},
	{"apply, times faster than the shell", "x", "%.1f", told, 15, 1000, func(r *report, n int) float64 { return r.against(n, shellName, linkdName) }},
	{"second apply, nothing to do", " s", "%.3f", 0.6, told, 0, func(r *report, n int) float64 {
		return orNothing(collect(r.timings[linkdName][n], func(t timing) time.Duration { return t.repeat }), 0.5, time.Second)
	}},
	{"daemon: start to converged", " s", "%.3f", told, told, 0, ofDaemon(func(d daemonNumbers) float64 { return d.converged.Seconds() })},
	{fmt.Sprintf("daemon: CPU time in the %.0f s after", settle.Seconds()), " s", "%.3f", told, told, 0, ofDaemon(func(d daemonNumbers) float64 { return d.settling.Seconds() })},
	{"daemon: resident memory, the most seen", " MB", "%.1f", 80, told, 0, ofDaemon(func(d daemonNumbers) float64 { return float64(d.resident) / 1e6 })},
	{"daemon: threads, the most seen", "", "%.0f", 25, told, 0, ofDaemon(func(d daemonNumbers) float64 { return float64(d.threads) })},
	{fmt.Sprintf("daemon: CPU when idle, over %.0f s", idleSpan.Seconds()), " %", "%.4f", 0.1, told, 0, ofDaemon(func(d daemonNumbers) float64 { return 100 * d.idle })},
	{"repairs of each kind", "", "%.0f", told, told, 0, ofDaemon(func(d daemonNumbers) float64 { return float64(len(d.repairs.address)) })},
	{"deleted address is back, median", " ms", "%.2f", told, told, 0, ofRepairs(0.5, func(r repairs) []time.Duration { return r.address })},
	{"deleted address is back, p99", " ms", "%.2f", 20, told, 0, ofRepairs(0.99, func(r repairs) []time.Duration { return r.address })},
	{"and its default route, median", " ms", "%.2f", told, told, 0, ofRepairs(0.5, func(r repairs) []time.Duration { return r.routed })},
	{"and its default route, p99", " ms", "%.2f", 20, told, 0, ofRepairs(0.99, func(r repairs) []time.Duration { return r.routed })},
	{"deleted veth is whole again, median", " ms", "%.2f", told, told, 0, ofRepairs(0.5, func(r repairs) []time.Duration { return r.wire })},
	{"deleted veth is whole again, p99", " ms", "%.2f", 20, told, 0, ofRepairs(0.99, func(r repairs) []time.Duration { return r.wire })},
	{"the call that deleted it returned after, median", " ms", "%.2f", told, told, 0, ofRepairs(0.5, func(r repairs) []time.Duration { return r.deletion })},
}

// promises prints the second table; a row without any number is left out.
func (r *report) promises(b *strings.Builder) {
	var rows strings.Builder
	for _, p := range promises {
		var cells strings.Builder
		measured := false
		for _, n := range r.sizes {
			v := p.at(r, n)
			if math.IsNaN(v) {
				cells.WriteString(" – |")
				continue
			}
			measured = true
			fmt.Fprintf(&cells, " "+p.format+"%s", v, p.unit)
			if n >= p.from && (v > p.most || v < p.least) {
				cells.WriteString(" **missed**")
			}
			cells.WriteString(" |")
		}
		if measured {
			fmt.Fprintf(&rows, "| %s | %s |%s\n", p.what, p.wanted(), cells.String())
		}
	}
	if rows.Len() == 0 {
		return
	}
	header(b, "linkd | wanted", r.sizes)
	b.WriteString(rows.String())
	b.WriteString("\n")
}

func (p promise) wanted() string {
	var text string
	switch {
	case !math.IsNaN(p.most):
		text = fmt.Sprintf("at most %g%s", p.most, p.unit)
	case !math.IsNaN(p.least):
		text = fmt.Sprintf("at least %g%s", p.least, p.unit)
	}
	if p.from > 0 {
		text += fmt.Sprintf(" at N = %d", p.from)
	}
	return text
}

// against is how many times longer one contestant took than another.
func (r *report) against(n int, name, other string) float64 {
	done := func(t timing) time.Duration { return t.done }
	return orNothing(collect(r.timings[name][n], done), 0.5, time.Second) /
		orNothing(collect(r.timings[other][n], done), 0.5, time.Second)
}

func ofDaemon(of func(daemonNumbers) float64) func(*report, int) float64 {
	return func(r *report, n int) float64 {
		for _, d := range r.daemon {
			if d.n == n {
				return of(d)
			}
		}
		return math.NaN()
	}
}

func ofRepairs(part float64, of func(repairs) []time.Duration) func(*report, int) float64 {
	return ofDaemon(func(d daemonNumbers) float64 { return orNothing(of(d.repairs), part, time.Millisecond) })
}

// orNothing is a quantile in the given unit, and NaN where nothing was measured.
func orNothing(all []time.Duration, part float64, unit time.Duration) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	return float64(quantile(all, part)) / float64(unit)
}
