package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"linkd/tests/bench/job"
)

// contestant is one way to do the job: processes, one after the other.
type contestant struct {
	name    string
	what    string // as the table calls it
	missing string // why it cannot take part here
	slow    bool   // so slow that it runs once where there are many namespaces
	repeat  bool   // a second run, with nothing to do, is measured too
	learns  bool   // it does the job once before the run that is measured, and keeps its files

	// commands writes what files they need to dir, outside the time that is measured.
	commands func(dir string, wires []job.Wire) ([]*exec.Cmd, error)
}

const (
	floorName  = "floor"
	linkdName  = "linkd"
	knowsName  = "linkd-journal"
	queuesName = "linkd-queues"
	shellName  = "shell"
	daemonName = "daemon"
)

func contestants(s settings) []contestant {
	return []contestant{
		{name: floorName, what: "floor: straight netlink", commands: floor(s.floor)},
		{name: linkdName, what: "`linkd apply`", missing: absent(s.linkd), repeat: true, commands: linkdApply(s.linkd, "")},
		{name: knowsName, what: "`linkd apply`, with a journal", missing: absent(s.linkd), learns: true, commands: linkdApply(s.linkd, "")},
		{name: queuesName, what: "`linkd apply`, `queues: {tx: 1, rx: 1}`", missing: absent(s.linkd), repeat: true, commands: linkdApply(s.linkd, ", queues: {tx: 1, rx: 1}")},
		{name: "ip-batch", what: "`ip -batch`, one per namespace", slow: true, commands: ipBatch},
		{name: shellName, what: "shell, one `ip` per step", slow: true, commands: shell},
		{name: "cni", what: "CNI `bridge` plugin", missing: absent(cniBridge), slow: true, commands: cni},
	}
}

// names lists all that -only takes.
func names() []string {
	var all []string
	for _, c := range contestants(settings{}) {
		all = append(all, c.name)
	}
	return append(all, daemonName, containersName)
}

func absent(path string) string {
	if _, err := os.Stat(path); err != nil {
		return err.Error()
	}
	return ""
}

func floor(path string) func(string, []job.Wire) ([]*exec.Cmd, error) {
	return func(_ string, wires []job.Wire) ([]*exec.Cmd, error) {
		return []*exec.Cmd{exec.Command(path, "-n", fmt.Sprint(len(wires)))}, nil
	}
}

// race lets the contestants take turns, so that what changes on the machine meanwhile meets them alike.
func race(s settings, g *ground, r *report) error {
	for run := range s.runs {
		for _, c := range contestants(s) {
			if !slices.Contains(s.only, c.name) || c.slow && run > 0 && len(g.wires) >= 300 {
				continue
			}
			if c.missing != "" {
				r.missing[c.name] = c.missing
				continue
			}
			if err := g.reset(); err != nil {
				return err
			}
			t, err := once(c, g)
			if err != nil {
				r.fail("%s at N=%d: %v", c.name, len(g.wires), err)
				continue
			}
			fmt.Fprintf(os.Stderr, "N=%d run %d: %-13s %.3f s, CPU %.3f s\n", len(g.wires), run+1, c.name, t.first.wall.Seconds(), t.first.cpu.Seconds())
			r.add(c.name, len(g.wires), t)
		}
	}
	return g.reset()
}

// timing is one run of one contestant.
type timing struct {
	first   spent
	passing time.Duration // from the start until every port forwards
	repeat  spent         // the same again
}

// spent is what processes took until the last of them ended.
type spent struct {
	wall time.Duration
	cpu  time.Duration // user and system time, with that of their children (getrusage(2))
}

func once(c contestant, g *ground) (timing, error) {
	var t timing
	dir := filepath.Join(g.dir, c.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	commands, err := c.commands(dir, g.wires)
	if err != nil {
		return t, err
	}
	if c.learns {
		if _, err := runAll(commands); err != nil {
			return t, err
		}
		if err := g.reset(); err != nil {
			return t, err
		}
		if commands, err = c.commands(dir, g.wires); err != nil {
			return t, err
		}
	}
	start := time.Now()
	if t.first, err = runAll(commands); err != nil {
		return t, err
	}
	late := g.waitForwarding()
	t.passing = time.Since(start)
	if err := errors.Join(g.check(), late); err != nil {
		return t, fmt.Errorf("not the state that was asked for: %w", err)
	}
	if !c.repeat {
		return t, nil
	}
	if commands, err = c.commands(dir, g.wires); err != nil {
		return t, err
	}
	if t.repeat, err = runAll(commands); err != nil {
		return t, fmt.Errorf("the second time: %w", err)
	}
	if err := g.check(); err != nil {
		return t, fmt.Errorf("not the state that was asked for, the second time: %w", err)
	}
	return t, nil
}

func runAll(commands []*exec.Cmd) (spent, error) {
	var s spent
	start := time.Now()
	for _, c := range commands {
		if err := runOne(c); err != nil {
			return s, err
		}
		s.cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	s.wall = time.Since(start)
	return s, nil
}

// runOne gives the end of what the command said if it fails, and an end to one that hangs.
func runOne(c *exec.Cmd) error {
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	hangs := time.AfterFunc(10*time.Minute, func() { c.Process.Kill() })
	defer hangs.Stop()
	if err := c.Wait(); err != nil {
		out := said.Bytes()
		return fmt.Errorf("%s: %w\n%s", c, err, bytes.TrimSpace(out[max(0, len(out)-2000):]))
	}
	return nil
}
