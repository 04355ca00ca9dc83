package observe

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// MountIn has Mounting work in the mount namespace at path, and not in linkd's own: a service that sees most files as
// read-only has one of its own, in which a name of a network namespace would be of no use to anybody else. Mounts made
// there are seen from a service's, as systemd makes those its slaves (mount_namespaces(7)).
func (w *World) MountIn(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	w.mounts = f
	return nil
}

// Mounting runs job, which mounts or unmounts.
func (w *World) Mounting(job func() error) error {
	if w.mounts == nil {
		return job()
	}
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked, and ends with this goroutine: it could not come back.
		runtime.LockOSThread()
		// Threads share their root and working directories, and the kernel lets nobody leave a mount namespace who does.
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
