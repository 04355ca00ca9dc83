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

// Call is one call of a function that runs programs itself, through a package that sets them no bounds. go-iptables is
// one: its exec.Cmd has no context, and it keeps all that the program complains of. Call gives the programs the bounds of
// Run, from outside.
//
// Prefer Run. A program of a Call has linkd's process group, and lives on when linkd is killed.
type Call struct {
	// Name is the program's path or name, for errors.
	Name string
	// Within is how long the call may take; 0 is as long as its context lasts.
	Within time.Duration
	// Most is how many bytes the programs may write, wherever to; 0 is any number. They are counted every checkTime, and not
	// at all where the kernel does not (CONFIG_TASK_IO_ACCOUNTING).
	Most int64
}

// checkTime is how often the bytes of a Call are counted, and its programs are killed once it has to end. An endless
// printer writes some 10 MB meanwhile.
const checkTime = 10 * time.Millisecond

// mostAbandoned bounds the calls that have not returned though their programs were killed. Each keeps a thread and a pipe.
const mostAbandoned = 8

var abandoned atomic.Int32

// Do calls f on another thread, which is in linkd's own namespaces, and kills the programs that f starts there, and all
// that these started, when the bounds are exceeded. f has to start them on its own goroutine. The error is f's,
// ErrNoAnswer, ErrTooMuch, or that of the context.
//
// f usually returns as soon as its program is dead. It may not, where the kernel holds the program up, or where something
// that outlived the program holds its output: then Do returns without it, and f ends later.
func (c Call) Do(ctx context.Context, f func() error) error {
	if n := abandoned.Load(); n >= mostAbandoned {
		return fmt.Errorf("%s: %w to %d earlier calls, which still wait", base(c.Name), ErrNoAnswer, n)
	}
	within := c.Within
	if c.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Within)
		defer cancel()
		within = remaining(ctx)
	}
	starter := newStarter()
	returned := make(chan error, 1)
	starts, over := make(chan int), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		starts <- unix.Gettid()
		returned <- f()
		// The thread is nobody else's before its children are looked at for the last time.
		<-over
	}()
	starter.thread = <-starts
	end := func() {
		close(over)
		starter.release()
	}

	check := time.NewTicker(checkTime)
	defer check.Stop()
	var why error
	for why == nil {
		select {
		case err := <-returned:
			end()
			return err
		case <-check.C:
			if c.Most > 0 && starter.written() > c.Most {
				why = tooMuch(c.Name, c.Most)
			}
		case <-ctx.Done():
			if why = ctx.Err(); errors.Is(why, context.DeadlineExceeded) {
				why = noAnswer(c.Name, within)
			} else {
				why = fmt.Errorf("%s: %w", base(c.Name), why)
			}
		}
	}
	patience := time.After(killTime)
	for {
		// f may start another program when one is dead.
		starter.kill()
		select {
		case <-returned:
			end()
			return why
		case <-check.C:
		case <-patience:
			abandoned.Add(1)
			go func() {
				defer abandoned.Add(-1)
				defer end()
				starter.killUntil(returned)
			}()
			return why
		}
	}
}

// starter is a thread that starts programs.
type starter struct {
	thread int
	// before are linkd's children that were there before, where the kernel does not tell those of a thread. Nobody else has
	// a starter as long as it is set.
	before map[int]bool
}

// tellsChildren: the kernel tells the children of a thread (CONFIG_PROC_CHILDREN).
var tellsChildren = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
})

// alone lets one Call run at a time where the kernel does not tell the children of a thread: linkd's new children in its
// own process group are those of the Call then, for Run makes groups of its own.
var alone sync.Mutex

func newStarter() *starter {
	s := &starter{}
	if !tellsChildren() {
		alone.Lock()
		s.before = map[int]bool{}
		for _, pid := range inGroup(os.Getpid()) {
			s.before[pid] = true
		}
	}
	return s
}

func (s *starter) release() {
	if s.before != nil {
		alone.Unlock()
		s.before = nil
	}
}

// visit goes through the programs that the thread started, and all that these started: parents come first.
func (s *starter) visit(f func(pid int)) {
	var next []int
	if s.before == nil {
		next = childrenOfThread(os.Getpid(), s.thread)
	} else {
		for _, pid := range inGroup(os.Getpid()) {
			if !s.before[pid] {
				next = append(next, pid)
			}
		}
	}
	for len(next) > 0 {
		pid := next[0]
		f(pid)
		next = append(next[1:], childrenOf(pid)...)
	}
}

// kill ends them all. None can start another meanwhile: a stopped parent does not, and stays the parent of those that it
// started. What lost its parent before that is not found.
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

// killUntil goes on killing what a call starts that was left behind, until the call has returned. Where the kernel does
// not tell what the thread started, the next call may begin instead.
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

// written is how many bytes they have written. A parent counts for the children that it has waited for.
func (s *starter) written() (bytes int64) {
	s.visit(func(pid int) { bytes += writtenBy(pid) })
	return bytes
}
