package program_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"linkd/pkg/program"
)

// unbounded runs a program as go-iptables does.
func unbounded(path string) error {
	var complaint bytes.Buffer
	cmd := exec.Cmd{Path: path, Args: []string{path}, Stderr: &complaint}
	return cmd.Run()
}

// onEachKernel runs a test with the files in which the kernel tells the children of a thread, and without.
func onEachKernel(t *testing.T, test func(t *testing.T)) {
	t.Run("children", test)
	t.Run("no children", func(t *testing.T) {
		program.WithoutChildren(t)
		test(t)
	})
}

func TestCall(t *testing.T) {
	onEachKernel(t, func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		for name, test := range map[string]struct {
			commands, err string
			is            error
			gone          string // the files with the PIDs of what has to have ended
		}{
			"all is well": {commands: "exit 0"},
			"refuses":     {commands: "echo why >&2; exit 3", err: "exit status 3"},
			"dies":        {commands: "kill -SEGV $$", err: "signal: segmentation fault"},
			"hangs": {
				commands: "echo $$ >pid; exec sleep 1000", gone: "pid",
				err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
			},
			"is stopped": {
				commands: "echo $$ >pid; kill -STOP $$", gone: "pid",
				err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
			},
			"ignores signals, and so do its descendants": {
				commands: "trap '' TERM INT HUP; sh -c 'trap \"\" TERM; setsid sh -c \"echo \\$\\$ >pid2; while :; do sleep 1; done\" & echo $$ >pid; wait' & wait",
				gone:     "pid pid2", err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
			},
			"starts one after the other": {
				commands: "echo $$ >pid; while :; do /bin/true; done", gone: "pid",
				err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
			},
			"complains without end": {
				commands: "echo $$ >pid; yes >&2", gone: "pid",
				err: "fake: too much output: more than 64 KiB, so linkd stopped it", is: program.ErrTooMuch,
			},
			"complains in one endless line": {
				commands: "echo $$ >pid; dd if=/dev/zero bs=1M status=none >&2", gone: "pid",
				err: "fake: too much output: more than 64 KiB, so linkd stopped it", is: program.ErrTooMuch,
			},
		} {
			t.Run(name, func(t *testing.T) {
				path, dir := script(t, test.commands)
				var err error
				run := func(within time.Duration) {
					err = program.Call{Name: path, Timeout: within, MaxOutput: 64 << 10}.Do(t.Context(), func() error { return unbounded(path) })
				}
				if errors.Is(test.is, program.ErrNoAnswer) {
					within := longEnough(t, dir, test.gone, run)
					test.err = strings.ReplaceAll(test.err, soonest.String(), within.String())
				} else {
					run(time.Minute)
				}
				checkError(t, err, test.err, test.is)
				for _, file := range strings.Fields(test.gone) {
					isGone(t, filepath.Join(dir, file))
				}
			})
		}
		if n := program.Abandoned(); n != 0 {
			t.Errorf("%d calls have not returned", n)
		}
	})
}

// Memory is what a program can use up that prints without end, for as long as it is let.
func TestCallKeepsLittle(t *testing.T) {
	path, _ := script(t, "dd if=/dev/zero bs=1M status=none >&2")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := program.Call{Name: path, Timeout: time.Minute, MaxOutput: 64 << 10}.Do(t.Context(), func() error { return unbounded(path) })
	runtime.ReadMemStats(&after)
	if !errors.Is(err, program.ErrTooMuch) {
		t.Errorf("error: %v", err)
	}
	const most = 512 << 20
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("allocated %d MiB", took>>20)
	}
}

// A program that another call, or Run, started at the same time is not killed.
func TestCallKillsItsOwn(t *testing.T) {
	onEachKernel(t, func(t *testing.T) {
		hangs, _ := script(t, "exec sleep 1000")
		ends, _ := script(t, "sleep 1; exit 5")
		others := make(chan error)
		// With the kernel's files calls are made side by side, and without one after the other.
		go func() {
			others <- program.Call{Name: ends, Timeout: time.Hour}.Do(t.Context(), func() error { return unbounded(ends) })
		}()
		go func() {
			_, err := program.Run{Name: ends, Timeout: time.Hour}.Output(t.Context())
			others <- err
		}()
		err := program.Call{Name: hangs, Timeout: 500 * time.Millisecond}.Do(t.Context(), func() error { return unbounded(hangs) })
		if !errors.Is(err, program.ErrNoAnswer) {
			t.Errorf("error: %v", err)
		}
		for range 2 {
			if err := <-others; err == nil || !strings.Contains(err.Error(), "exit status 5") {
				t.Errorf("the other ended: %v", err)
			}
		}
	})
}

func TestCallStartsTheNextAlso(t *testing.T) {
	path, _ := script(t, "exec sleep 1000")
	runs := 0
	err := program.Call{Name: path, Timeout: 200 * time.Millisecond}.Do(t.Context(), func() error {
		for range 3 {
			_ = unbounded(path)
			runs++
		}
		return nil
	})
	if !errors.Is(err, program.ErrNoAnswer) || runs != 3 {
		t.Errorf("%d programs were killed: %v", runs, err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	path, dir := script(t, "echo $$ >pid; exec sleep 1000")
	longEnough(t, dir, "pid", func(within time.Duration) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(within, cancel)
		if err := (program.Call{Name: path}).Do(ctx, func() error { return unbounded(path) }); !errors.Is(err, context.Canceled) {
			t.Errorf("error: %v", err)
		}
	})
	isGone(t, filepath.Join(dir, "pid"))
}

// What outlives its parent and holds its output keeps f from returning. It holds nobody else up, and no more than a few
// of such calls are made.
func TestCallIsAbandoned(t *testing.T) { onEachKernel(t, isAbandoned) }

func isAbandoned(t *testing.T) {
	path, dir := script(t, "setsid sh -c 'echo $$ >>pids; exec sleep 1000' >/dev/null & exit 0")
	call := func(within time.Duration) error {
		return program.Call{Name: path, Timeout: within}.Do(t.Context(), func() error { return unbounded(path) })
	}
	// A slow machine may take longer to start a program that outlives its parent.
	for within := 100 * time.Millisecond; ; within *= 2 {
		done := make(chan error)
		for range program.MaxAbandoned {
			go func() { done <- call(within) }()
		}
		for range program.MaxAbandoned {
			if err := <-done; !errors.Is(err, program.ErrNoAnswer) {
				t.Errorf("error: %v", err)
			}
		}
		all := program.Abandoned() == program.MaxAbandoned
		if all {
			if err := call(time.Hour); !errors.Is(err, program.ErrNoAnswer) || err.Error() != "fake: no answer to 8 earlier calls, which still wait" {
				t.Errorf("error: %v", err)
			}
		}
		killAll(t, filepath.Join(dir, "pids"))
		switch {
		case all:
			return
		case within > time.Minute:
			t.Fatal("the calls returned")
		}
	}
}

// killAll kills the processes whose PIDs are in a file, a line each, until no call waits for one.
func killAll(t *testing.T, file string) {
	t.Helper()
	killed := 0
	for range 6000 {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		pids := strings.Fields(string(text))
		for ; killed < len(pids); killed++ {
			if pid, err := strconv.Atoi(pids[killed]); err == nil {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		if program.Abandoned() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d calls have not returned", program.Abandoned())
}
