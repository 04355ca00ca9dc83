package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"linkd/tests/bench/job"
)

// enterSandbox runs this program again in network, mount and PID namespaces of its own: whatever it starts goes with it.
// What else is to be measured is built before, so that what is timed is a process and not a compiler.
func enterSandbox(s settings) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces")
	}
	dir, err := os.MkdirTemp("", "linkd-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	args := append(os.Args[1:], "-inside")
	for _, program := range []string{"floor", "probe", "chaser"} {
		path := filepath.Join(dir, program)
		build := exec.Command("go", "build", "-o", path, "linkd/tests/bench/"+program)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build the %s: %w", program, err)
		}
		args = append(args, "-"+program, path)
	}
	again := exec.Command("/proc/self/exe", args...)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
	}
	err = again.Run()
	removeGroups()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		return errors.New("see above")
	}
	return err
}

// prepareSandbox makes the namespaces private, and refuses to go on where they are not: everything after this
// deletes links freely.
func prepareSandbox() error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	if os.Getpid() != 1 || len(links) != 1 {
		return errors.New("-inside is for the bench itself: this is not an empty network namespace of its own")
	}
	// A new mount namespace still passes its mounts on to where it was copied from.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, m := range []struct{ kind, target string }{{"proc", "/proc"}, {"tmpfs", "/run"}} {
		if err := unix.Mount(m.kind, m.target, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return os.MkdirAll(job.NetNS, 0o755)
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
