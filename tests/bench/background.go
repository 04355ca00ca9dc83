package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// background is a process that goes on while something is measured.
type background struct {
	command *exec.Cmd
	ended   chan error
	said    tail
}

func inBackground(c *exec.Cmd) (*background, error) {
	b := &background{command: c, ended: make(chan error, 1)}
	c.Stdout, c.Stderr = &b.said, &b.said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	if err := c.Start(); err != nil {
		return nil, err
	}
	go func() { b.ended <- c.Wait() }()
	return b, nil
}

func (b *background) pid() int { return b.command.Process.Pid }

// end ends it, and what it has started itself, as systemd does, and reports an end that systemd would call a failure.
func (b *background) end() error {
	if err := unix.Kill(-b.pid(), unix.SIGTERM); err != nil {
		return fmt.Errorf("%s was gone before it was asked to stop: %w", b.command.Path, <-b.ended)
	}
	select {
	case err := <-b.ended:
		if err != nil {
			return fmt.Errorf("stop %s: %w", b.command.Path, err)
		}
		return nil
	case <-time.After(patience):
		_ = unix.Kill(-b.pid(), unix.SIGKILL)
		<-b.ended
		return fmt.Errorf("%s did not stop within %v", b.command.Path, patience)
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLen = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-tailLen):])
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
