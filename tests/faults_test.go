package tests

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// everystep repeats the lines of a file, which are a story of their own, until the program of its line `dies PROGRAM
// ARG...` gets through: in the first round that is killed before its first step, in the second before its second one.
// With K/M only every M-th round is told, from the K-th on: another story tells the rest.
func (s *stage) everystep(ts *testscript.TestScript, neg bool, args []string) {
	first, stride := 1, 1
	if len(args) == 2 {
		k, m, _ := strings.Cut(args[1], "/")
		first, _ = strconv.Atoi(k)
		stride, _ = strconv.Atoi(m)
	}
	if neg || len(args) < 1 || len(args) > 2 || first < 1 || stride < 1 {
		ts.Fatalf("usage: everystep FILE [K/M]")
	}
	words := s.commands()
	died := true
	words["dies"] = func(ts *testscript.TestScript, _ bool, args []string) {
		died = s.dies(ts, first, args)
	}
	for ; died; first += stride {
		died = false
		for l := range strings.Lines(ts.ReadFile(args[0])) {
			l = strings.TrimSpace(l)
			ts.Logf("[step %d] %s", first, l)
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
