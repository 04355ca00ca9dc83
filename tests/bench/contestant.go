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
	repeat  bool   // the same commands again are time spent on nothing to do, and measured too

	// commands writes what files they need to dir, outside the time that is measured.
	commands func(dir string, wires []job.Wire) ([]*exec.Cmd, error)
}

const (
	floorName  = "floor"
	linkdName  = "linkd"
	shellName  = "shell"
	daemonName = "daemon"
)

func contestants(s settings) []contestant {
	return []contestant{
		{name: floorName, what: "floor: straight netlink", commands: floor(s.floor)},
		{name: linkdName, what: "`linkd apply`", missing: absent(s.linkd), repeat: true, commands: linkdApply(s.linkd)},
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
			fmt.Fprintf(os.Stderr, "N=%d run %d: %-8s %.3f s\n", len(g.wires), run+1, c.name, t.done.Seconds())
			r.add(c.name, len(g.wires), t)
		}
	}
	return g.reset()
}

// timing is one run of one contestant.
type timing struct {
	done    time.Duration // all its processes have ended
	passing time.Duration // and every port forwards; counted from the start too
	repeat  time.Duration // the same again
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
	start := time.Now()
	if err := runAll(commands); err != nil {
		return t, err
	}
	t.done = time.Since(start)
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
	start = time.Now()
	if err := runAll(commands); err != nil {
		return t, fmt.Errorf("the second time: %w", err)
	}
	t.repeat = time.Since(start)
	if err := g.check(); err != nil {
		return t, fmt.Errorf("not the state that was asked for, the second time: %w", err)
	}
	return t, nil
}

func runAll(commands []*exec.Cmd) error {
	for _, c := range commands {
		if err := runOne(c); err != nil {
			return err
		}
	}
	return nil
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
