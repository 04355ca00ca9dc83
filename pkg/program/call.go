package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Call is one call of a function that runs programs through a package without limits. go-iptables is such a package: its
// exec.Cmd has no context, and it keeps the whole standard error. Call applies the limits of Run from outside.
//
// Prefer Run. A program of a Call is in linkd's process group, and continues when linkd is killed.
type Call struct {
	// Name is the program's path or name, for errors.
	Name string
	// Timeout is how long the call may take; 0 means as long as its context.
	Timeout time.Duration
	// MaxOutput is the number of bytes that the programs may write to all files and pipes together; 0 means no limit. Call
	// counts them every checkInterval, and only if the kernel does (CONFIG_TASK_IO_ACCOUNTING).
	MaxOutput int64
}

// checkInterval is the time between two counts of the bytes of a Call, and between two attempts to kill its programs. A
// program that prints without end writes about 10 MB in that time.
const checkInterval = 10 * time.Millisecond

// maxAbandoned limits the calls that have not returned although linkd killed their programs. Each keeps a thread and a pipe.
const maxAbandoned = 8

// abandoned is the number of such calls.
var abandoned atomic.Int32

// Do calls f on another thread, in linkd's own namespaces. If f exceeds the limits, Do kills the programs that f started, and
// all programs that those started. f must start its programs on its own goroutine. The error is that of f, ErrNoAnswer,
// ErrTooMuch, or that of the context.
//
// f usually returns as soon as its program is dead. If the kernel does not end the program, or another process holds its
// output open, Do returns before f, and f ends later.
func (c Call) Do(ctx context.Context, f func() error) error {
	if n := abandoned.Load(); n >= maxAbandoned {
		return fmt.Errorf("%s: %w to %d earlier calls, which still wait", base(c.Name), ErrNoAnswer, n)
	}
	timeout := c.Timeout
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		timeout = remaining(ctx)
	}
	starter := newStarter()
	returned := make(chan error, 1)
	threadID, release := make(chan int), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		threadID <- unix.Gettid()
		returned <- f()
		// Another goroutine must not start programs on this thread before starter has listed its children for the last time.
		<-release
	}()
	starter.thread = <-threadID
	end := func() {
		close(release)
		starter.release()
	}

	check := time.NewTicker(checkInterval)
	defer check.Stop()
	var err error
	for err == nil {
		select {
		case result := <-returned:
			end()
			return result
		case <-check.C:
			if c.MaxOutput > 0 && starter.written() > c.MaxOutput {
				err = tooMuch(c.Name, c.MaxOutput)
			}
		case <-ctx.Done():
			if err = ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
				err = noAnswer(c.Name, timeout)
			} else {
				err = fmt.Errorf("%s: %w", base(c.Name), err)
			}
		}
	}
	giveUp := time.After(killTime)
	for {
		// f may start another program after the first one is dead.
		starter.kill()
		select {
		case <-returned:
			end()
			return err
		case <-check.C:
		case <-giveUp:
			abandoned.Add(1)
			go func() {
				defer abandoned.Add(-1)
				defer end()
				starter.killUntil(returned)
			}()
			return err
		}
	}
}

// starter is a thread that starts programs.
type starter struct {
	thread int
	// before has linkd's earlier children, if the kernel does not list the children of a thread; otherwise it is nil. Only one
	// starter at a time has it set, see exclusive.
	before map[int]bool
}

// listsChildren reports whether the kernel lists the children of a thread (CONFIG_PROC_CHILDREN).
var listsChildren = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
})

// exclusive limits linkd to one Call at a time if the kernel does not list the children of a thread. Then all new children in
// linkd's process group are those of the Call, because a Run has a process group of its own.
var exclusive sync.Mutex

func newStarter() *starter {
	s := &starter{}
	if !listsChildren() {
		exclusive.Lock()
		s.before = map[int]bool{}
		for _, pid := range inGroup(os.Getpid()) {
			s.before[pid] = true
		}
	}
	return s
}

// release lets the next Call begin.
func (s *starter) release() {
	if s.before != nil {
		exclusive.Unlock()
		s.before = nil
	}
}

// visit calls f for each program that the thread started and for all their descendants, parents first. It leaves out a child that
// does not run its program yet: linkd shares its memory and waits for it (vfork(2)), so to stop it would stop linkd. It may also be
// of another call.
func (s *starter) visit(f func(pid int)) {
	var queue []int
	if s.before == nil {
		queue = childrenOfThread(os.Getpid(), s.thread)
	} else {
		for _, pid := range inGroup(os.Getpid()) {
			if !s.before[pid] {
				queue = append(queue, pid)
			}
		}
	}
	for len(queue) > 0 {
		pid := queue[0]
		queue = queue[1:]
		if runsOwnFile(pid) {
			continue
		}
		f(pid)
		queue = append(queue, childrenOf(pid)...)
	}
}

// ownFile is the file that linkd runs.
var ownFile = sync.OnceValues(func() (os.FileInfo, error) { return os.Stat("/proc/self/exe") })

// runsOwnFile reports whether a process runs the file of linkd itself.
func runsOwnFile(pid int) bool {
	own, ownErr := ownFile()
	file, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	return ownErr == nil && err == nil && os.SameFile(own, file)
}

// kill kills all of them. It stops each parent before it lists the children, so that none can start another program and no
// child loses its parent. It does not find processes that lost their parent before.
func (s *starter) kill() {
	var all []int
	s.visit(func(pid int) {
		_ = unix.Kill(pid, unix.SIGSTOP)
		all = append(all, pid)
	})
	for _, pid := range all {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// killUntil kills the programs that an abandoned call still starts, until the call returns. If the kernel does not list the
// children of a thread, it kills nothing and lets the next call begin.
func (s *starter) killUntil(returned <-chan error) {
	if s.before != nil {
		s.release()
		<-returned
		return
	}
	for {
		select {
		case <-returned:
			return
		case <-time.After(killTime):
			s.kill()
		}
	}
}

// written returns the number of bytes that the programs have written. The count of a parent includes the children that it has
// waited for.
func (s *starter) written() (bytes int64) {
	s.visit(func(pid int) { bytes += writtenBy(pid) })
	return bytes
}
