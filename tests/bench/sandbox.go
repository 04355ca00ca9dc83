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

// enterSandbox runs this program again in network and mount namespaces of its own. The floor is built before,
// so that what is timed is a process and not a compiler.
func enterSandbox(s settings) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces")
	}
	if s.floor == "" {
		dir, err := os.MkdirTemp("", "linkd-floor-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s.floor = filepath.Join(dir, "floor")
		build := exec.Command("go", "build", "-o", s.floor, "linkd/tests/bench/floor")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build the floor: %w", err)
		}
	}
	again := exec.Command("/proc/self/exe", append(os.Args[1:], "-inside", "-floor", s.floor)...)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS,
		Pdeathsig:  unix.SIGKILL,
	}
	err := again.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.Exited() {
		return errors.New("see above")
	}
	return err
}

// prepareSandbox makes the namespaces private, and refuses to go on where they are not: everything after this
// deletes links freely.
func prepareSandbox() error {
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return err
	}
	parents, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", os.Getppid()))
	if err != nil {
		return err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	if ours == parents || len(links) != 1 {
		return errors.New("-inside is for the bench itself: this is not an empty network namespace of its own")
	}
	// A new mount namespace still passes its mounts on to where it was copied from.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := os.MkdirAll(job.NetNS, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", job.NetNS, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", job.NetNS, err)
	}
	return nil
}
