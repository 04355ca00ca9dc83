package observe

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// MountIn makes Mounting use the mount namespace at path instead of linkd's own. A service that sees most files as
// read-only has a mount namespace of its own, in which no other process would see the name of a network namespace.
// The service sees mounts made outside, because systemd makes its mounts slaves of those (mount_namespaces(7)). It returns
// the mount namespace as a link of /proc/PID/ns names it.
func (w *World) MountIn(path string) (namespace string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	w.mounts = f
	var at unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &at); err != nil {
		return "", err
	}
	return fmt.Sprintf("mnt:[%d]", at.Ino), nil
}

// Mounting runs job, which mounts or unmounts.
func (w *World) Mounting(job func() error) error {
	if w.mounts == nil {
		return job()
	}
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked and ends with this goroutine, because it cannot return to its mount namespace.
		runtime.LockOSThread()
		// Threads share their root and working directories, and the kernel lets no thread that shares them change its
		// mount namespace.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			done <- fmt.Errorf("part with the other threads' directories: %w", err)
			return
		}
		if err := unix.Setns(int(w.mounts.Fd()), unix.CLONE_NEWNS); err != nil {
			done <- fmt.Errorf("enter the mount namespace: %w", err)
			return
		}
		done <- job()
	}()
	return <-done
}
