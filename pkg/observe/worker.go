// Package observe is how linkd sees and reaches network namespaces: it finds them, opens them, is the one place that
// dumps, and the one source of the kernel's events. Events say where to look, never what is true.
package observe

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// The main goroutine stays on the main thread, so that no worker gets it: a locked goroutine that ends after setns
// takes its thread with it, but the main thread cannot end, and would stay in the other namespace.
func init() { runtime.LockOSThread() }

// inNamespace runs job on a thread that is in the network namespace open as fd. It is the only place that calls
// setns. Opening sockets, running programs and writing below /proc/sys/net follow the thread; /sys/class/net and
// /proc/net do not.
func inNamespace(fd int, job func() error) error {
	done := make(chan error, 1)
	startWorkers()
	jobs <- namespaceJob{fd: fd, job: job, done: done}
	return <-done
}

type namespaceJob struct {
	fd   int
	job  func() error
	done chan error
}

// Workers is how many threads enter namespaces, and how many namespaces are worth looking at side by side: the
// kernel takes one lock (rtnl) for most of what linkd asks of it.
var Workers = min(4, runtime.NumCPU())

var (
	jobs         = make(chan namespaceJob)
	startWorkers = sync.OnceFunc(func() {
		for range Workers {
			go work()
		}
	})
)

// work serves jobs on a locked thread for as long as it can bring the thread home after each. If it cannot, it ends
// with the thread still locked, which destroys the thread, and a new worker takes its place.
func work() {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		for j := range jobs {
			j.done <- fmt.Errorf("open linkd's own namespace: %w", err)
		}
		return
	}
	defer home.Close()
	for j := range jobs {
		lost := false
		j.done <- func() (err error) {
			if err := unix.Setns(j.fd, unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("enter the namespace: %w", err)
			}
			defer func() {
				if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
					lost = true
					err = errors.Join(err, fmt.Errorf("leave the namespace: %w", back))
				}
			}()
			return j.job()
		}()
		if lost {
			go work()
			return
		}
	}
}

// NewNamespace makes a network namespace and hands its path to keep, which has to hold on to it (by a mount): it is
// gone when keep returns. The new namespace has a down loopback device and nothing else, as from ip-netns(8).
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
