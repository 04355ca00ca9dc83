package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// init keeps the main goroutine on the main thread, so that no other goroutine gets that thread: NewNamespace leaves
// its thread inside the new namespace, and the main thread cannot end.
func init() { runtime.LockOSThread() }

// ownNamespace is linkd's own namespace, to which threads return.
var ownNamespace = sync.OnceValues(func() (*os.File, error) { return os.Open("/proc/self/ns/net") })

// inNamespace runs job on a thread in the network namespace open as fd. It is the only function that enters one, and
// returns the thread to the runtime only after that is back in linkd's own namespace. New sockets, programs and files
// below /proc/sys/net follow the thread; /sys/class/net and /proc/net do not.
// It uses the caller's thread: a switch to another thread and back would cost several times as much as the job.
func inNamespace(fd int, job func() error) error {
	back, err := ownNamespace()
	if err != nil {
		return fmt.Errorf("open linkd's own namespace: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setns(fd, unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: run linkd as root", fs.ErrPermission)
	} else if err != nil {
		return fmt.Errorf("enter the namespace: %w", err)
	}
	defer func() {
		if err := unix.Setns(int(back.Fd()), unix.CLONE_NEWNET); err != nil {
			// Otherwise the next goroutine on this thread would work in the wrong namespace.
			panic(fmt.Sprintf("a thread cannot leave a namespace: %v", err))
		}
	}()
	return job()
}

// workers is how many namespaces are opened and looked at in parallel: the kernel takes one lock (rtnl) for most
// requests.
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

// NewNamespace makes a network namespace and passes its path to keep, which must keep it alive (by a mount):
// otherwise the namespace ends when keep returns. keep runs on a thread in the new namespace. The new namespace has
// only a loopback device that is down, like one made by ip-netns(8).
func NewNamespace(keep func(path string) error) error {
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked: it ends with this goroutine, inside the new namespace.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make a namespace: %w", err)
			return
		}
		done <- keep(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	}()
	return <-done
}
