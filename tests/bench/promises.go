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
	{"first apply, no journal: CPU, times the floor", "x", "%.2f", 1.6, told, 0, floors(linkdName, firstCPU)},
	{"first apply, no journal: wall time, times the floor", "x", "%.2f", 1.2, told, 0, floors(linkdName, firstWall)},
	{"first apply, with a journal: CPU, times the floor", "x", "%.2f", 1.5, told, 0, floors(knowsName, firstCPU)},
	{"first apply, with a journal: wall time, times the floor", "x", "%.2f", 1.15, told, 0, floors(knowsName, firstWall)},
	{"second apply, nothing to do: CPU, times the floor", "x", "%.2f", 0.4, told, 0, floors(linkdName, repeatCPU)},
	{"first apply with `queues`: CPU, times the floor without", "x", "%.2f", 1, told, 0, floors(queuesName, firstCPU)},
	{"first apply with `queues`: wall time, times the floor without", "x", "%.2f", 1, told, 0, floors(queuesName, firstWall)},
	{"first apply, times faster than the shell", "x", "%.1f", told, 15, 1000, func(r *report, n int) float64 {
		return r.median(n, shellName, wallOf) / r.median(n, linkdName, wallOf)
	}},
	{"daemon: start to converged: CPU, times the floor", "x", "%.2f", 2, told, 0, func(r *report, n int) float64 {
		return ofDaemon(func(d daemonNumbers) float64 { return d.converged.cpu.Seconds() })(r, n) / r.median(n, floorName, cpuOf)
	}},
	{"daemon: start to converged: wall time, times the floor", "x", "%.2f", 1.5, told, 0, func(r *report, n int) float64 {
		return ofDaemon(func(d daemonNumbers) float64 { return d.converged.wall.Seconds() })(r, n) / r.median(n, floorName, wallOf)
	}},
	{"daemon: memory for each namespace, over that of the smallest N", " KB", "%.0f", 25, told, 0, perNamespace},
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

// measure is one number of a run, and the one of the floor that it is compared with: the floor has no second run.
type measure struct {
	of, floor func(timing) time.Duration
}

var (
	firstWall = measure{wallOf, wallOf}
	firstCPU  = measure{cpuOf, cpuOf}
	repeatCPU = measure{func(t timing) time.Duration { return t.repeat.cpu }, cpuOf}
	forwards  = measure{passingOf, passingOf}
)

func wallOf(t timing) time.Duration    { return t.first.wall }
func cpuOf(t timing) time.Duration     { return t.first.cpu }
func passingOf(t timing) time.Duration { return t.passing }

// floors is what a contestant took, as a multiple of what the floor took for its first run.
func floors(name string, m measure) func(*report, int) float64 {
	return func(r *report, n int) float64 { return r.median(n, name, m.of) / r.median(n, floorName, m.floor) }
}

// median is that of all runs of a contestant, in seconds.
func (r *report) median(n int, name string, of func(timing) time.Duration) float64 {
	return orNothing(collect(r.timings[name][n], of), 0.5, time.Second)
}

// perNamespace is how much more memory the daemon has than at the smallest size, for each further namespace.
func perNamespace(r *report, n int) float64 {
	if len(r.daemon) == 0 || r.daemon[0].n >= n {
		return math.NaN()
	}
	base := r.daemon[0]
	return ofDaemon(func(d daemonNumbers) float64 {
		return float64(d.resident-base.resident) / 1e3 / float64(d.n-base.n)
	})(r, n)
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
