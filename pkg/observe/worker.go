package observe

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The main goroutine stays on the main thread, so that no other gets that: NewNamespace gives its thread up inside the
// namespace that it made, and the main thread cannot end, but would stay there.
func init() { runtime.LockOSThread() }

// ownNamespace is linkd's own namespace, for threads to come back to.
var ownNamespace = sync.OnceValues(func() (*os.File, error) { return os.Open("/proc/self/ns/net") })

// inNamespace runs job on a thread that is in the network namespace open as fd. It is the only place that enters one, and
// gives the thread back to the runtime only when it is back in linkd's own namespace. Opening sockets, running programs and
// writing below /proc/sys/net follow the thread; /sys/class/net and /proc/net do not.
//
// The thread is the caller's: to hand the job to one that is kept for it would cost two switches, several times what
// the job does.
func inNamespace(fd int, job func() error) error {
	back, err := ownNamespace()
	if err != nil {
		return fmt.Errorf("open linkd's own namespace: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setns(fd, unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
		return fmt.Errorf("enter the namespace: %w: it takes CAP_SYS_ADMIN, as root has it", err)
	} else if err != nil {
		return fmt.Errorf("enter the namespace: %w", err)
	}
	defer func() {
		if err := unix.Setns(int(back.Fd()), unix.CLONE_NEWNET); err != nil {
			// Whatever ran on this thread next would do the right thing in the wrong namespace.
			panic(fmt.Sprintf("a thread cannot leave a namespace: %v", err))
		}
	}()
	return job()
}

// workers is how many namespaces are worth opening and looking at side by side: the kernel takes one lock (rtnl) for
// most of what linkd asks of it.
var workers = min(4, runtime.NumCPU())

// Each calls f for every item, several at a time, and returns when all are done.
func Each[T any](items []T, f func(T)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, len(items)) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(items)); i = next.Add(1) - 1 {
				f(items[i])
			}
		})
	}
	group.Wait()
}

// NewNamespace makes a network namespace and hands its path to keep, which has to hold on to it (by a mount): it is
// gone when keep returns. keep runs on a thread in the new namespace. The new namespace has a down loopback device and nothing
// else, as from ip-netns(8).
func NewNamespace(keep func(path string) error) error {
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked: it ends with this goroutine, inside the namespace that it made.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make a namespace: %w", err)
			return
		}
		done <- keep(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	}()
	return <-done
}
