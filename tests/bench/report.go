package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// report collects what was measured.
type report struct {
	machine  string
	sizes    []int
	timings  map[string]map[int][]timing // by contestant and size
	daemon   []daemonNumbers
	followed []followed
	missing  map[string]string
	failures []string
}

func (r *report) add(name string, n int, t timing) {
	if r.timings == nil {
		r.timings = map[string]map[int][]timing{}
	}
	if r.timings[name] == nil {
		r.timings[name] = map[int][]timing{}
	}
	r.timings[name][n] = append(r.timings[name][n], t)
}

func (r *report) fail(format string, args ...any) {
	failure := fmt.Sprintf(format, args...)
	fmt.Fprintln(os.Stderr, "FAILED:", failure)
	r.failures = append(r.failures, failure)
}

// write prints the tables, to the file too, and is an error if something failed on the way.
func (r *report) write(path string) error {
	text := r.String()
	fmt.Print(text)
	if path != "" {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if len(r.failures) > 0 {
		return errors.New("not everything could be measured")
	}
	return nil
}

func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.machine)
	r.race(&b, "seconds until the last process ended", firstWall)
	r.race(&b, "seconds of CPU", firstCPU)
	r.race(&b, "seconds of CPU of a second run, with nothing to do", repeatCPU)
	r.race(&b, "seconds until every port forwards too", forwards)
	r.promises(&b)
	r.containerTable(&b)
	for _, c := range append(contestants(settings{}), contestant{name: daemonName, what: "`linkd run`"}, contestant{name: containersName, what: "containers"}) {
		if reason := r.missing[c.name]; reason != "" {
			fmt.Fprintf(&b, "Skipped: %s (%s).\n", c.what, reason)
		}
	}
	for _, f := range r.failures {
		fmt.Fprintf(&b, "Failed: %s\n", strings.ReplaceAll(f, "\n", "\n    "))
	}
	return b.String()
}

// race is one table: a row for each contestant that ran.
func (r *report) race(b *strings.Builder, what string, m measure) {
	if len(r.timings) == 0 {
		return
	}
	header(b, "median "+what, r.sizes)
	for _, c := range contestants(settings{}) {
		if !r.has(c.name, m) {
			continue
		}
		fmt.Fprintf(b, "| %s |", c.what)
		for _, n := range r.sizes {
			all := collect(r.timings[c.name][n], m.of)
			if len(all) == 0 {
				b.WriteString(" failed |")
				continue
			}
			fmt.Fprintf(b, " %.3f s", median(all).Seconds())
			if base := collect(r.timings[floorName][n], m.floor); len(base) > 0 {
				fmt.Fprintf(b, ", %.2fx", ratio(median(all), median(base)))
			}
			fmt.Fprintf(b, ", %s |", runs(all))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// has reports whether there is a run of a contestant with this number.
func (r *report) has(name string, m measure) bool {
	for _, all := range r.timings[name] {
		if len(collect(all, m.of)) > 0 {
			return true
		}
	}
	return false
}

func header(b *strings.Builder, first string, sizes []int) {
	fmt.Fprintf(b, "| %s |", first)
	for _, n := range sizes {
		fmt.Fprintf(b, " N = %d |", n)
	}
	fmt.Fprintf(b, "\n|%s\n", strings.Repeat(" --- |", len(sizes)+1))
}

// runs says how far they lie apart, for that is how far the median can be trusted.
func runs(all []time.Duration) string {
	if len(all) == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs (%.3f to %.3f)", len(all), slices.Min(all).Seconds(), slices.Max(all).Seconds())
}

func collect(timings []timing, of func(timing) time.Duration) []time.Duration {
	var all []time.Duration
	for _, t := range timings {
		if d := of(t); d > 0 {
			all = append(all, d)
		}
	}
	return all
}

func median(all []time.Duration) time.Duration { return quantile(all, 0.5) }

// quantile is the smallest value that at least the given part of all values does not exceed.
func quantile(all []time.Duration, part float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(part*float64(len(sorted))))-1)]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// machine is one line about what all this was measured on, and what else ran there when it is called.
func machine() string {
	var u unix.Utsname
	kernel := "unknown kernel"
	if unix.Uname(&u) == nil {
		kernel = "Linux " + unix.ByteSliceToString(u.Release[:])
	}
	model := "unknown CPU"
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		text, _ := io.ReadAll(f)
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	load := "?"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = strings.Fields(string(text))[0]
	}
	return fmt.Sprintf("%s, %s, %d cores, load average %s before", kernel, model, runtime.NumCPU(), load)
}
