package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// job is a process that a story has in the background: a daemon, or a container's first process.
type job struct {
	cmd            *exec.Cmd
	stdout, stderr string // files, so that a story can read them while it runs
	neg            bool
}

var ampersand = regexp.MustCompile(`^&(?:([\w-]+)&)?$`)

// background returns the name that the last word of a command line gives a job, as `&` or `&NAME&` does.
func background(args []string) (string, bool) {
	m := ampersand.FindStringSubmatch(args[len(args)-1])
	switch {
	case m == nil || len(args) < 2:
		return "", false
	case m[1] == "":
		return filepath.Base(args[0]), true
	}
	return m[1], true
}

// command returns a program to run as testscript would run it: in the story's directory, with its variables.
func (s *stage) command(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range s.variables {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// start runs args in the background, with its output in NAME.out and NAME.err, and sets $NAME_PID.
func (s *stage) start(ts *testscript.TestScript, neg bool, name string, args []string) {
	s.launch(ts, name, &job{cmd: s.command(ts, args), neg: neg})
}

func (s *stage) container(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: container NAME [PROGRAM ARG...]")
	}
	name, args := args[0], args[1:]
	if len(args) == 0 {
		args = []string{"sleep", "36000"}
	}
	cmd := s.command(ts, args)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	s.launch(ts, name, &job{cmd: cmd})
	// A container engine hands its containers over with this much done.
	ts.Check(ts.Exec("nsenter", "--net="+s.netns(name), "ip", "link", "set", "lo", "up"))
}

func (s *stage) launch(ts *testscript.TestScript, name string, j *job) {
	if _, ok := s.jobs[name]; ok {
		ts.Fatalf("%s is running already", name)
	}
	j.stdout, j.stderr = ts.MkAbs(name+".out"), ts.MkAbs(name+".err")
	stdout, err := os.Create(j.stdout)
	ts.Check(err)
	defer stdout.Close()
	stderr, err := os.Create(j.stderr)
	ts.Check(err)
	defer stderr.Close()
	j.cmd.Stdout, j.cmd.Stderr = stdout, stderr
	ts.Check(j.cmd.Start())
	s.jobs[name] = j
	ts.Setenv(strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"_PID", strconv.Itoa(j.cmd.Process.Pid))
	// What a daemon said is half of why a story failed.
	ts.Defer(func() {
		if s.jobs[name] == j {
			ts.Logf("[%s, still running]\n%s", name, ts.ReadFile(j.stdout)+ts.ReadFile(j.stderr))
		}
	})
}

func (s *stage) join(ts *testscript.TestScript, neg bool, args []string) {
	s.succeed(ts, neg, args, s.end(ts, args, 0))
}

func (s *stage) term(ts *testscript.TestScript, neg bool, args []string) {
	s.succeed(ts, neg, args, s.end(ts, args, syscall.SIGTERM))
}

func (s *stage) kill9(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: kill9 NAME")
	}
	s.end(ts, args, syscall.SIGKILL)
}

// succeed fails the story unless the process ended as a ! on its line, or on the one that started it, lets expect.
func (s *stage) succeed(ts *testscript.TestScript, neg bool, args []string, j *job) {
	if j.cmd.ProcessState.Success() == (neg || j.neg) {
		ts.Fatalf("%s ended with: %v", args[0], j.cmd.ProcessState)
	}
}

// end waits until a job has ended, which a signal other than 0 makes it do, and takes over what it has said.
func (s *stage) end(ts *testscript.TestScript, args []string, signal syscall.Signal) *job {
	if len(args) != 1 || s.jobs[args[0]] == nil {
		ts.Fatalf("no such background process: %q", args)
	}
	j := s.jobs[args[0]]
	ts.Check(j.cmd.Process.Signal(signal))
	ended := make(chan struct{})
	go func() {
		// The exit status is in the ProcessState as well.
		_ = j.cmd.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		ts.Fatalf("%s has not ended after %v", args[0], patience)
	}
	delete(s.jobs, args[0])
	ts.Stdout().Write([]byte(ts.ReadFile(j.stdout)))
	ts.Stderr().Write([]byte(ts.ReadFile(j.stderr)))
	return j
}
