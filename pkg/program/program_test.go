package program_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/program"
)

// script makes a program of shell commands, and a directory for it to leave something in.
func script(t *testing.T, commands string) (path, dir string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "fake")
	text := "#!/bin/sh\ncd " + dir + "\n" + commands + "\n"
	conform.WriteProgram(t, path, []byte(text))
	return path, dir
}

// isGone waits for the process whose PID is in a file to end.
func isGone(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d still runs", pid)
	_ = unix.Kill(pid, unix.SIGKILL)
}

// checkError compares an error with its text, and with what it has to be by errors.Is: whichever of the two is given. With
// neither, there is to be no error.
func checkError(t *testing.T, err error, text string, is error) {
	t.Helper()
	if is != nil && !errors.Is(err, is) || text != "" && (err == nil || err.Error() != text) || is == nil && text == "" && err != nil {
		t.Errorf("error: %v", err)
	}
}

// soonest is how long a program may take that never ends.
const soonest = 500 * time.Millisecond

// longEnough runs a program that never ends, and gives it twice the time until it has come so far that it has written the
// files in dir: a machine can be slow. It returns the time that was enough.
func longEnough(t *testing.T, dir, files string, run func(within time.Duration)) (within time.Duration) {
	t.Helper()
	for within = soonest; within < 2*time.Minute; within *= 2 {
		run(within)
		if !slices.ContainsFunc(strings.Fields(files), func(name string) bool {
			text, err := os.ReadFile(filepath.Join(dir, name))
			return err != nil || len(text) == 0
		}) {
			return within
		}
	}
	t.Fatalf("the program did not write %s within %v", files, within)
	return 0
}

func TestBounds(t *testing.T) {
	for name, test := range map[string]struct {
		commands string
		want     string // of the output
		err      string
		is       error
		gone     string // a file with the PID of what has to have ended
		left     string // and of what the test ends
	}{
		"all is well":          {commands: "echo text; cat", want: "text\ninput"},
		"input that none read": {commands: "echo text", want: "text\n"},
		"refuses":              {commands: "echo part; echo why >&2; exit 3", err: "fake: exit status 3: why"},
		"dies":                 {commands: "echo part; kill -SEGV $$", err: "fake: signal: segmentation fault"},
		"hangs": {
			commands: "echo part; echo $$ >pid; sleep 1000", gone: "pid",
			err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
		},
		"ignores signals, and so does its child": {
			commands: "trap '' TERM INT HUP; sh -c 'trap \"\" TERM; echo $$ >pid; while :; do sleep 1; done' & wait", gone: "pid",
			err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
		},
		"is stopped": {
			commands: "echo $$ >pid; kill -STOP $$", gone: "pid",
			err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
		},
		"prints without end": {commands: "echo $$ >pid; yes", gone: "pid", err: "fake: too much output: more than 64 KiB, so linkd stopped it", is: program.ErrTooMuch},
		"prints one endless line": {
			commands: "echo $$ >pid; cat /dev/zero", gone: "pid",
			err: "fake: too much output: more than 64 KiB, so linkd stopped it", is: program.ErrTooMuch,
		},
		"complains without end": {
			commands: "echo $$ >pid; yes >&2", gone: "pid",
			err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
		},
		"complains a lot":           {commands: "head -c 1000000 /dev/zero >&2; echo text", want: "text\n"},
		"leaves a child with both":  {commands: "echo text; sleep 1000 & echo $! >pid", gone: "pid", is: program.ErrNoAnswer},
		"leaves a child with error": {commands: "echo text; sleep 1000 >/dev/null & echo $! >pid", want: "text\n", left: "pid"},
		"leaves a child in a session of its own": {
			commands: "echo text; setsid sh -c 'echo $$ >pid; exec sleep 1000' & while ! [ -s pid ]; do :; done", left: "pid", is: program.ErrNoAnswer,
		},
		"hangs with a child in a session of its own": {
			commands: "setsid sh -c 'echo $$ >pid; exec sleep 1000' & wait", left: "pid",
			err: "fake: no answer within 500ms, so linkd stopped it", is: program.ErrNoAnswer,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, dir := script(t, test.commands)
			var out []byte
			var err error
			run := func(within time.Duration) {
				out, err = program.Run{Name: path, Input: "input", Timeout: within, MaxOutput: 64 << 10}.Output(t.Context())
			}
			if strings.Contains(test.err, soonest.String()) {
				within := longEnough(t, dir, test.gone, run)
				test.err = strings.ReplaceAll(test.err, soonest.String(), within.String())
			} else {
				run(time.Minute)
			}
			if string(out) != test.want {
				t.Errorf("printed %q", out)
			}
			checkError(t, err, test.err, test.is)
			if test.gone != "" {
				isGone(t, filepath.Join(dir, test.gone))
			}
			if test.left != "" {
				if text, err := os.ReadFile(filepath.Join(dir, test.left)); err == nil {
					if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
						_ = unix.Kill(pid, unix.SIGKILL)
					}
				}
			}
		})
	}
}

// The reader may have had enough, or not like what it reads.
func TestReadOnly(t *testing.T) {
	path, _ := script(t, "seq 1000")
	run := program.Run{Name: path, Timeout: time.Hour, MaxOutput: 64 << 10}
	first := ""
	if err := run.Read(t.Context(), func(from io.Reader) (err error) {
		first, err = bufio.NewReaderSize(from, 16).ReadString('\n')
		return err
	}); err != nil || first != "1\n" {
		t.Errorf("the first line is %q: %v", first, err)
	}
	dislike := errors.New("dislike")
	if err := run.Read(t.Context(), func(io.Reader) error { return dislike }); !errors.Is(err, dislike) {
		t.Errorf("error: %v", err)
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path, dir := script(t, "echo $$ >pid; echo ready; sleep 1000")
	err := program.Run{Name: path, Timeout: time.Hour, MaxOutput: 64 << 10}.Read(ctx, func(from io.Reader) error {
		_, err := from.Read(make([]byte, 8))
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	isGone(t, filepath.Join(dir, "pid"))
}

func TestNoProgram(t *testing.T) {
	for _, name := range []string{"no-such-program-anywhere", "/no/such/program"} {
		_, err := program.Run{Name: name, Timeout: time.Second, MaxOutput: 64 << 10}.Output(t.Context())
		if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
