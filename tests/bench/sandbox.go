package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"linkd/tests/bench/sandbox"
)

// enterSandbox runs this program again in network, mount and PID namespaces of its own: whatever it starts goes with it.
// What else is to be measured is built before, so that what is timed is a process and not a compiler.
func enterSandbox(s settings) error {
	if err := sandbox.Check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "linkd-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var programs []string
	for _, program := range []string{"floor", "probe", "chaser"} {
		path := filepath.Join(dir, program)
		build := exec.Command("go", "build", "-o", path, "linkd/tests/bench/"+program)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build the %s: %w", program, err)
		}
		programs = append(programs, "-"+program, path)
	}
	err = sandbox.Run(programs...)
	removeGroups()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		return errors.New("see above")
	}
	return err
}

// removeGroups removes the control groups of containers, which are in no namespace that goes with the bench.
func removeGroups() {
	for _, pattern := range []string{"/sys/fs/cgroup/" + benchGroup, "/sys/fs/cgroup/*/" + benchGroup} {
		groups, _ := filepath.Glob(pattern)
		for _, group := range groups {
			inner, _ := filepath.Glob(group + "/*/")
			for _, g := range append(inner, group) {
				_ = os.Remove(g)
			}
		}
	}
}
