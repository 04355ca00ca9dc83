// Command cost measures the CPU time that the daemon spends on one event, among many namespaces or beside much that
// others have. It works in network, mount and PID namespaces of its own and needs root.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"linkd/tests/bench/sandbox"
)

// settings are the command line.
type settings struct {
	linkd  string
	sizes  []int
	many   int
	events int
	only   []string
	// during is a shell command that runs during each series of events.
	during string
}

// mostNamespaces is what ten bridges have room for: a bridge takes 1,023 ports.
const mostNamespaces = bridges * 1000

// parts are what can be measured, in order.
var parts = []string{"namespaces", "routes", "addresses", "publish"}

func init() {
	runtime.LockOSThread() // the kernel sends the children's death signal when the thread ends that started them
}

func main() {
	s, inside, err := parse()
	if err == nil {
		if inside {
			err = measure(s)
		} else {
			err = sandbox.Run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func parse() (s settings, inside bool, err error) {
	var sizes, only string
	flag.StringVar(&s.linkd, "linkd", "./linkd", "the linkd binary to measure")
	flag.StringVar(&sizes, "n", "300,1000", "numbers of namespaces")
	flag.IntVar(&s.many, "many", 100_000, "how many routes others have; a tenth of that is how many addresses one interface has")
	flag.IntVar(&s.events, "events", 50, "events of each kind")
	flag.StringVar(&only, "only", strings.Join(parts, ","), "measure only these")
	flag.StringVar(&s.during, "during", "", "a shell command that runs during each series of events, with PID set to the daemon's")
	flag.BoolVar(&inside, "inside", false, "set by the program itself, once in its sandbox")
	flag.Parse()
	for _, field := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 || n > mostNamespaces {
			return s, inside, fmt.Errorf("-n: %q is not a number from 1 to %d", field, mostNamespaces)
		}
		s.sizes = append(s.sizes, n)
	}
	for _, part := range strings.Split(only, ",") {
		if !slices.Contains(parts, part) {
			return s, inside, fmt.Errorf("-only: %q is none of %s", part, strings.Join(parts, ", "))
		}
		s.only = append(s.only, part)
	}
	return s, inside, nil
}

// measure runs inside the sandbox.
func measure(s settings) error {
	if err := sandbox.Prepare(); err != nil {
		return err
	}
	t := &table{}
	defer t.print()
	for _, part := range s.only {
		var err error
		switch part {
		case "namespaces":
			err = measureNamespaces(s, t)
		case "routes":
			err = measureRoutes(s, t)
		case "addresses":
			err = measureAddresses(s, t)
		case "publish":
			err = measurePublish(s, t)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}
