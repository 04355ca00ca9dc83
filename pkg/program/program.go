// Package program runs external programs with a deadline and an output limit. It kills a program that exceeds them, together
// with all programs that it started. The output counts only if the program succeeded within its limits.
//
//	out, err := program.Run{Name: "iptables-save", Timeout: 10 * time.Second, MaxOutput: 64 << 20}.Output(ctx)
//
// Call does the same for a package that runs programs itself.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/bounded"
)

// Run is one run of a program.
type Run struct {
	// Name is the program's path, or its name in PATH.
	Name string
	Args []string
	// Input is its standard input.
	Input string
	// Timeout is how long the run may take; 0 means as long as its context, for a program that reports events.
	Timeout time.Duration
	// MaxOutput is the number of bytes that the program may print; 0 means no limit, for a program that reports events.
	MaxOutput int64
}

// maxStderr is the number of bytes of the standard error that linkd keeps. It reads and drops the rest, so that the program
// does not block.
const maxStderr = 64 << 10

// killTime is how long linkd waits for a killed program. If the kernel does not end it in that time (state D in ps(1)), linkd
// continues, and reaps the program when it ends.
const killTime = time.Second

var (
	// ErrNoAnswer means that linkd killed a program because it exceeded its timeout.
	ErrNoAnswer = errors.New("no answer")
	// ErrTooMuch means that linkd killed a program because it printed more than MaxOutput.
	ErrTooMuch = errors.New("too much output")
)

// Failure is the error of a program that ended with an exit status other than 0, or by a signal that linkd did not send.
type Failure struct {
	Program string // without its directory
	State   *os.ProcessState
	// Stderr is what the program printed to its standard error, up to maxStderr bytes.
	Stderr string
}

func (f *Failure) Error() string {
	if f.Stderr == "" {
		return fmt.Sprintf("%s: %v", f.Program, f.State)
	}
	return fmt.Sprintf("%s: %v: %s", f.Program, f.State, strings.TrimSpace(f.Stderr))
}

// Output runs the program and returns its output. The error is a *Failure, ErrNoAnswer, ErrTooMuch, that of the context, or
// that of exec.Cmd.Start, such as exec.ErrNotFound.
func (r Run) Output(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	err := r.Read(ctx, func(output io.Reader) error {
		_, err := out.ReadFrom(output)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Read runs the program and passes its output to read while it runs. Use what read has read only if Read returns nil. If read
// returns an error, Read kills the program and returns that error. The other errors are those of Output.
//
// The program leads a process group of its own, and Read kills the whole group. A process that the program starts in another
// session continues, but Read does not wait for it.
func (r Run) Read(ctx context.Context, read func(io.Reader) error) error {
	if r.MaxOutput == 0 {
		r.MaxOutput = math.MaxInt64
	}
	timeout, attr := r.Timeout, &syscall.SysProcAttr{Setpgid: true}
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
		timeout = remaining(ctx)
		// If linkd is killed, its programs must not change anything after the next linkd has looked. So the kernel kills the
		// program when the thread that started it ends (PR_SET_PDEATHSIG in prctl(2)), and that thread has to stay until then.
		attr.Pdeathsig = syscall.SIGKILL
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	out, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("%s: %w", base(r.Name), err)
	}
	defer out.Close()
	stderr := &headBuffer{left: maxStderr}
	cmd := exec.Command(r.Name, r.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(r.Input), in, stderr
	cmd.SysProcAttr = attr
	// Wait does not wait longer if another process holds the pipes of the program open.
	cmd.WaitDelay = killTime
	err = cmd.Start()
	in.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", base(r.Name), err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		_ = out.SetReadDeadline(time.Now().Add(killTime))
	}()
	// At the timeout a blocked read ends, also if another process holds the other end of the pipe open.
	stop := context.AfterFunc(ctx, func() { _ = out.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	limited := &limited{from: out, left: r.MaxOutput}
	err = read(limited)
	if err == nil {
		// Read the rest of the output, too, so that the program can end normally.
		_, err = io.Copy(io.Discard, limited)
	}
	if err == nil {
		select {
		case err = <-ended:
			return r.exitError(err, cmd, stderr)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	select {
	case <-ended:
	case <-time.After(killTime):
	}
	switch {
	case limited.exceeded:
		return tooMuch(r.Name, r.MaxOutput)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return noAnswer(r.Name, timeout)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", base(r.Name), ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: %w: it ended, but a program that it started did not, and may print more", base(r.Name), ErrNoAnswer)
	}
	return err
}

// exitError returns the error of a program that linkd did not kill; err is that of exec.Cmd.Wait.
func (r Run) exitError(err error, cmd *exec.Cmd, stderr *headBuffer) error {
	switch {
	case errors.As(err, new(*exec.ExitError)):
		return &Failure{base(r.Name), cmd.ProcessState, stderr.text.String()}
	case errors.Is(err, exec.ErrWaitDelay):
		// The program succeeded; a process that it started still holds its standard error open.
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", base(r.Name), err)
	}
	return nil
}

func base(name string) string { return filepath.Base(name) }

// remaining returns the time until the deadline of a context, rounded for messages.
func remaining(ctx context.Context) time.Duration {
	end, _ := ctx.Deadline()
	return time.Until(end).Round(100 * time.Millisecond)
}

func noAnswer(name string, timeout time.Duration) error {
	return fmt.Errorf("%s: %w within %s, so linkd stopped it", base(name), ErrNoAnswer, seconds(timeout))
}

func tooMuch(name string, maxOutput int64) error {
	return fmt.Errorf("%s: %w: more than %s, so linkd stopped it", base(name), ErrTooMuch, bounded.Size(maxOutput))
}

// seconds returns a duration as text, whole seconds as "10 s".
func seconds(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return d.String()
}

// limited reads up to a limit. After that it fails with ErrTooMuch.
type limited struct {
	from     io.Reader
	left     int64
	exceeded bool
}

// Read reads from l.from. It returns ErrTooMuch once more than the limit has been read.
func (l *limited) Read(p []byte) (n int, err error) {
	if l.exceeded {
		return 0, ErrTooMuch
	}
	n, err = l.from.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.exceeded = true
		return 0, ErrTooMuch
	}
	return n, err
}

// headBuffer keeps the first bytes that are written to it, and drops the rest.
type headBuffer struct {
	text bytes.Buffer
	left int
}

// Write keeps what fits into the buffer, and never fails.
func (b *headBuffer) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.left)]
	b.left -= len(kept)
	b.text.Write(kept)
	return len(p), nil
}
