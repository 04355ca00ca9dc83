// Package program runs external programs within bounds: a deadline, a limit to what they print, and an end to all that
// they started. What a program printed counts only if it ended well, within these bounds.
//
//	out, err := program.Run{Name: "iptables-save", Within: 10 * time.Second, Most: 64 << 20}.Output(ctx)
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
	// Within is how long the run may take; 0 is as long as its context lasts, for a program that tells of events.
	Within time.Duration
	// Most is how many bytes the program may print; 0 is any number, for a program that tells of events.
	Most int64
}

// mostComplaint is how many bytes of the standard error are kept. The rest is read and dropped, so that a program is not
// held up by its own complaints.
const mostComplaint = 64 << 10

// killTime is how long a killed program is waited for. One that the kernel holds up (state D in ps(1)) ends later: it is
// left behind then, and reaped whenever it ends.
const killTime = time.Second

var (
	// ErrNoAnswer says that a program was killed, because it had not ended in time.
	ErrNoAnswer = errors.New("no answer")
	// ErrTooMuch says that a program was killed, because it printed more than it may.
	ErrTooMuch = errors.New("too much output")
)

// Failure is a program that ended by itself, and not well.
type Failure struct {
	Program string // without its directory
	State   *os.ProcessState
	// Complaint is what it printed to its standard error.
	Complaint string
}

func (f *Failure) Error() string {
	if f.Complaint == "" {
		return fmt.Sprintf("%s: %v", f.Program, f.State)
	}
	return fmt.Sprintf("%s: %v: %s", f.Program, f.State, strings.TrimSpace(f.Complaint))
}

// Output runs the program and returns all that it printed. The error is a *Failure, ErrNoAnswer, ErrTooMuch, or that of
// exec.Cmd.Start: exec.ErrNotFound where there is no such program.
func (r Run) Output(ctx context.Context) ([]byte, error) {
	var out bytes.Buffer
	err := r.Read(ctx, func(from io.Reader) error {
		_, err := out.ReadFrom(from)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Read runs the program and has read take what it prints, as it comes. What read made of that counts only if the error
// is nil. An error of read's own ends the run, and is returned.
//
// The program is the leader of a process group of its own, and is killed with all of it. What it starts in another
// session lives on, but holds nobody up.
func (r Run) Read(ctx context.Context, read func(io.Reader) error) error {
	if r.Most == 0 {
		r.Most = math.MaxInt64
	}
	within, attr := r.Within, &syscall.SysProcAttr{Setpgid: true}
	if r.Within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Within)
		defer cancel()
		within = remaining(ctx)
		// A program started by linkd must not change anything after linkd was killed and the next one has looked. The signal is
		// for the end of the thread that started the program (PR_SET_PDEATHSIG in prctl(2)), which therefore has to stay.
		attr.Pdeathsig = syscall.SIGKILL
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	out, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("%s: %w", base(r.Name), err)
	}
	defer out.Close()
	complaint := &headBuffer{left: mostComplaint}
	cmd := exec.Command(r.Name, r.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(r.Input), in, complaint
	cmd.SysProcAttr = attr
	// Whoever else holds the pipes of a program that has ended does not hold up the wait for it.
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
	// A read that waits ends when the time is up, whoever holds the other end of the pipe.
	stop := context.AfterFunc(ctx, func() { _ = out.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	limited := &limited{from: out, left: r.Most}
	err = read(limited)
	if err == nil {
		// What read does not want is part of the answer all the same: the program is to end by itself.
		_, err = io.Copy(io.Discard, limited)
	}
	if err == nil {
		select {
		case err = <-ended:
			return r.explain(err, cmd, complaint)
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
		return tooMuch(r.Name, r.Most)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return noAnswer(r.Name, within)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", base(r.Name), ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: %w: it ended, but a program that it started did not, and may print more", base(r.Name), ErrNoAnswer)
	}
	return err
}

// explain is the error for a program that ended by itself.
func (r Run) explain(err error, cmd *exec.Cmd, complaint *headBuffer) error {
	switch {
	case errors.As(err, new(*exec.ExitError)):
		return &Failure{base(r.Name), cmd.ProcessState, complaint.text.String()}
	case errors.Is(err, exec.ErrWaitDelay):
		// It ended well; something that it started still holds its standard error.
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", base(r.Name), err)
	}
	return nil
}

func base(name string) string { return filepath.Base(name) }

// remaining is how long a context with a deadline lasts.
func remaining(ctx context.Context) time.Duration {
	end, _ := ctx.Deadline()
	return time.Until(end).Round(100 * time.Millisecond)
}

func noAnswer(name string, within time.Duration) error {
	return fmt.Errorf("%s: %w within %s, so linkd stopped it", base(name), ErrNoAnswer, span(within))
}

func tooMuch(name string, most int64) error {
	return fmt.Errorf("%s: %w: more than %s, so linkd stopped it", base(name), ErrTooMuch, bounded.Size(most))
}

func span(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return d.String()
}

// limited reads up to a limit, and fails beyond it.
type limited struct {
	from     io.Reader
	left     int64
	exceeded bool
}

// Read implements io.Reader.
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

// headBuffer keeps the beginning of what is written to it.
type headBuffer struct {
	text bytes.Buffer
	left int
}

// Write implements io.Writer.
func (b *headBuffer) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.left)]
	b.left -= len(kept)
	b.text.Write(kept)
	return len(p), nil
}
