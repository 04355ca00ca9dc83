// Command bench measures linkd at one job beside the other ways to do it, and beside the fastest way the kernel
// allows: N existing namespaces, each wired by one veth into one bridge, with an address and a default route.
// With container engines at hand it also measures how soon after its start a container is wired. It works in network,
// mount and PID namespaces of its own and needs root.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"linkd/tests/bench/job"
	"linkd/tests/bench/sandbox"
)

// settings are the command line, and what the first process hands to itself inside the sandbox.
type settings struct {
	linkd, out, chart             string
	floor, probe, chaser, engines string
	sizes                         []int
	runs                          int
	only                          []string
	inside                        bool
}

func init() {
	// Children must start from a thread that nothing moves to another namespace, and outlive no parent: the
	// kernel sends a death signal when the *thread* that forked them ends.
	runtime.LockOSThread()
}

func main() {
	s, err := parse()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	run := measureAll
	if !s.inside {
		run = enterSandbox
	}
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() (settings, error) {
	var s settings
	var sizes, only string
	flag.StringVar(&s.linkd, "linkd", "./linkd", "the linkd binary to measure")
	flag.StringVar(&sizes, "n", "100,300,1000", "numbers of namespaces")
	flag.IntVar(&s.runs, "runs", 3, "runs of each contestant; slow ones run once from 300 namespaces on")
	flag.StringVar(&only, "only", "", "measure only these of "+strings.Join(names(), ","))
	flag.StringVar(&s.out, "out", "", "write the tables to this file too")
	flag.StringVar(&s.chart, "chart", "", "write a picture (SVG) of the times to this file")
	flag.StringVar(&s.engines, "engines", "", "what tests/install-engines prints: where container engines are")
	flag.StringVar(&s.floor, "floor", "", "set by the bench itself")
	flag.StringVar(&s.probe, "probe", "", "set by the bench itself")
	flag.StringVar(&s.chaser, "chaser", "", "set by the bench itself")
	flag.BoolVar(&s.inside, "inside", false, "set by the bench itself, once in its sandbox")
	flag.Parse()
	if flag.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if s.runs < 1 {
		return s, errors.New("-runs: at least 1")
	}
	for _, field := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > job.Max {
			return s, fmt.Errorf("-n: %q is not a number from 1 to %d", field, job.Max)
		}
		s.sizes = append(s.sizes, n)
	}
	// Namespaces are only ever added from one size to the next: `ip -n` gets slower with each one there is.
	slices.Sort(s.sizes)
	s.only = names()
	if only != "" {
		s.only = strings.Split(only, ",")
	}
	for _, name := range s.only {
		if !slices.Contains(names(), name) {
			return s, fmt.Errorf("-only: %q is none of %s", name, strings.Join(names(), ", "))
		}
	}
	return s, nil
}

// measureAll runs inside the sandbox.
func measureAll(s settings) error {
	if err := sandbox.Prepare(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "linkd-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	g, err := newGround(dir)
	if err != nil {
		return err
	}
	r := report{machine: machine(), sizes: s.sizes, missing: map[string]string{}}
	for _, n := range s.sizes {
		if err := g.grow(n); err != nil {
			return err
		}
		if err := race(s, g, &r); err != nil {
			return err
		}
		if !slices.Contains(s.only, daemonName) {
			continue
		}
		if reason := absent(s.linkd); reason != "" {
			r.missing[daemonName] = reason
			continue
		}
		numbers, err := measureDaemon(s.linkd, g)
		if err != nil {
			r.fail("%s at N=%d: %v", daemonName, n, err)
			continue
		}
		r.daemon = append(r.daemon, numbers)
	}
	if err := r.containers(s, dir); err != nil {
		r.fail("%v", err)
	}
	return errors.Join(r.chart(s.chart), r.write(s.out))
}
