package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// rows are those of the table of faults that the stories and the tests here see to.
var rows = []int{1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
	28, 29, 32, 33}

// TestFaultsAreTested wants each row named by a line such as "# FAULTS 4, 5: ..." of a story, or by such a comment of a
// test, so that none loses its test unnoticed.
func TestFaultsAreTested(t *testing.T) {
	tested := map[int][]string{}
	for _, pattern := range []string{"stories/*.txtar", "../pkg/*/*_test.go", "../pkg/*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range faultsLine.FindAllStringSubmatch(string(text), -1) {
				for _, row := range strings.Split(m[1], ", ") {
					n, _ := strconv.Atoi(row)
					tested[n] = append(tested[n], filepath.Base(file))
				}
			}
		}
	}
	for _, row := range rows {
		if len(tested[row]) == 0 {
			t.Errorf("no story or test is said to be for row %d", row)
		}
		t.Logf("%2d  %s", row, strings.Join(tested[row], " "))
	}
}

var faultsLine = regexp.MustCompile(`(?m)^(?:#|//) FAULTS (\d+(?:, \d+)*): `)

// reborn starts a container under a PID: the kernel gives out the one after the last (proc(5), ns_last_pid), unless
// somebody else takes it first.
func (s *stage) reborn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: reborn NAME PID PROGRAM ARG...")
	}
	name := args[0]
	pid, err := strconv.Atoi(args[1])
	ts.Check(err)
	for range 100 {
		ts.Check(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0))
		cmd := s.command(ts, args[2:])
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
		ts.Check(cmd.Start())
		if cmd.Process.Pid == pid {
			s.adopt(ts, name, cmd)
			return
		}
		ts.Check(cmd.Process.Kill())
		_ = cmd.Wait()
	}
	ts.Fatalf("PID %d is not to be had", pid)
}

// adopt makes a process that runs already the job of that name.
func (s *stage) adopt(ts *testscript.TestScript, name string, cmd *exec.Cmd) {
	j := &job{cmd: cmd, stdout: ts.MkAbs(name + ".out"), stderr: ts.MkAbs(name + ".err")}
	for _, file := range []string{j.stdout, j.stderr} {
		ts.Check(os.WriteFile(file, nil, 0o644))
	}
	s.jobs[name] = j
	ts.Setenv(strings.ToUpper(name)+"_PID", strconv.Itoa(cmd.Process.Pid))
	ts.Check(ts.Exec("nsenter", "--net="+s.netns(name), "ip", "link", "set", "lo", "up"))
}

// everystep repeats the lines of a file, which are a story of their own, until the program of its line `dies PROGRAM
// ARG...` gets through: in the first round that is killed before its first step, in the second before its second one.
func (s *stage) everystep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: everystep FILE")
	}
	step, died := 0, true
	words := s.commands()
	words["dies"] = func(ts *testscript.TestScript, _ bool, args []string) {
		died = s.dies(ts, step, args)
	}
	for died {
		step, died = step+1, false
		for l := range strings.Lines(ts.ReadFile(args[0])) {
			l = strings.TrimSpace(l)
			ts.Logf("[step %d] %s", step, l)
			if fields := strings.Fields(os.Expand(l, ts.Getenv)); len(fields) > 0 && words[fields[0]] != nil {
				words[fields[0]](ts, false, fields[1:])
			} else if len(fields) > 0 && fields[0] != "#" {
				s.run(ts, false, fields)
			}
		}
	}
}

// dies runs a program and reports whether it was killed before its step-th step; otherwise it has to succeed.
func (s *stage) dies(ts *testscript.TestScript, step int, args []string) bool {
	err := s.stepwise(ts, append([]string{"-kill", strconv.Itoa(step)}, args...))
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == killedStatus {
		return true
	}
	ts.Check(err)
	return false
}

// meanwhile runs a program, and a script right before the first of its steps that matches a pattern.
func (s *stage) meanwhile(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: meanwhile PATTERN SCRIPT PROGRAM ARG...")
	}
	err := s.stepwise(ts, append([]string{"-before", args[0], "-do", args[1]}, args[2:]...))
	var exit *exec.ExitError
	if neg && (err == nil || errors.As(err, &exit) && exit.ExitCode() == noMatchStatus) {
		ts.Fatalf("unexpected success, or no such step")
	}
	if !neg {
		ts.Check(err)
	}
}

func (s *stage) stepwise(ts *testscript.TestScript, args []string) error {
	self, err := os.Executable()
	ts.Check(err)
	return ts.Exec(self, append([]string{stepsProgram}, args...)...)
}
