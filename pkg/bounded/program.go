package bounded

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// ComplaintLimit is how much of a program's standard error is kept.
	ComplaintLimit = 32 << 10
	// closeDelay is how long a program that has ended may leave its output open, in the hands of a child.
	closeDelay = time.Second
)

// Output runs a program to its end and returns its standard output, as cmd.Output does. It kills a program that prints
// more than limit bytes, and returns a TooLarge. Of the standard error it keeps the first ComplaintLimit bytes.
func Output(cmd *exec.Cmd, limit int64) ([]byte, error) {
	out := &output{cmd: cmd, limit: limit}
	var complaint Head
	cmd.Stdout, cmd.Stderr = out, &complaint
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = closeDelay
	}
	err := cmd.Run()
	if out.exceeded {
		return nil, &TooLarge{"the output of " + filepath.Base(cmd.Path), limit}
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		exit.Stderr = complaint.Bytes()
	}
	return out.text.Bytes(), err
}

// output collects what a program prints, and kills the program at the limit.
type output struct {
	cmd      *exec.Cmd
	text     bytes.Buffer
	limit    int64
	exceeded bool
}

func (o *output) Write(p []byte) (int, error) {
	if int64(o.text.Len()+len(p)) > o.limit {
		o.exceeded = true
		_ = o.cmd.Process.Kill()
		return 0, io.ErrShortWrite
	}
	return o.text.Write(p)
}

// Head is a writer that keeps the first ComplaintLimit bytes and drops the rest.
type Head struct{ text []byte }

func (h *Head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), ComplaintLimit-len(h.text))]...)
	return len(p), nil
}

// Bytes are the bytes that were kept.
func (h *Head) Bytes() []byte { return h.text }
