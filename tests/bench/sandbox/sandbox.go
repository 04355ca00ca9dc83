// Package sandbox runs a program of the benchmarks in network, mount and PID namespaces of its own.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Check reports whether the program may make a sandbox.
func Check() error {
	if os.Geteuid() != 0 {
		return errors.New("needs root: it makes network namespaces")
	}
	return nil
}

// Run runs this program again with its own arguments, -inside and those given, in new namespaces: whatever it starts ends
// with it. The thread that calls must not end before.
func Run(arguments ...string) error {
	if err := Check(); err != nil {
		return err
	}
	arguments = append(append(os.Args[1:], "-inside"), arguments...)
	again := exec.Command("/proc/self/exe", arguments...)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
	}
	return again.Run()
}

// Prepare gives the namespaces that Run made their own mounts. It fails where the program is not in such namespaces:
// everything after this deletes links freely.
func Prepare() error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	if os.Getpid() != 1 || len(links) != 1 {
		return errors.New("-inside is for the program itself: this is not an empty network namespace of its own")
	}
	// A new mount namespace still passes its mounts on to where it was copied from.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	for _, m := range []struct{ kind, target, options string }{{"proc", "/proc", ""}, {"tmpfs", "/run", "mode=755"}} {
		if err := unix.Mount(m.kind, m.target, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return os.MkdirAll("/run/netns", 0o755)
}
