// Command bulk measures linkd where one namespace has very many iptables rules or routes, beside the programs that set
// them from one file: iptables-restore with iptables-save, and ip -batch. It works in network, mount and PID namespaces
// of its own and needs root.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"

	"linkd/tests/bench/sandbox"
)

type settings struct {
	linkd                  string
	publish, rules, routes int
	runs                   int
	inside                 bool
}

func init() {
	// The kernel ends a child with the thread that started it (PR_SET_PDEATHSIG).
	runtime.LockOSThread()
}

func main() {
	var s settings
	flag.StringVar(&s.linkd, "linkd", "./linkd", "the linkd binary to measure")
	flag.IntVar(&s.publish, "publish", 1000, "number of publish entries")
	flag.IntVar(&s.rules, "rules", 5000, "number of iptables rules")
	flag.IntVar(&s.routes, "routes", 50_000, "number of routes")
	flag.IntVar(&s.runs, "runs", 5, "number of runs; those of linkd and of the other programs alternate")
	flag.BoolVar(&s.inside, "inside", false, "set by the program itself, once in its sandbox")
	flag.Parse()
	run := measure
	if !s.inside {
		run = func(settings) error { return sandbox.Run() }
	}
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "bulk:", err)
		os.Exit(1)
	}
}

// measure runs inside the sandbox.
func measure(s settings) error {
	if err := sandbox.Prepare(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "linkd-bulk-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{settings: s, dir: dir}
	for range s.runs {
		if err := b.firewall(fmt.Sprintf("%d publish entries", s.publish), publish(s.publish)); err != nil {
			return err
		}
		if err := b.firewall(fmt.Sprintf("%d rules", s.rules), rules(s.rules)); err != nil {
			return err
		}
		if err := b.table(fmt.Sprintf("%d routes", s.routes), s.routes); err != nil {
			return err
		}
	}
	fmt.Print(&b.results)
	return nil
}
