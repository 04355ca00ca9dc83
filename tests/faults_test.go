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

// faults are what can happen to linkd, and what the tests are said to be for by these numbers. After each, a second pass
// writes nothing, and what linkd did not make is as it was.
var faults = map[int]string{
	1:  "linkd is killed at any step of a plan",
	2:  "the daemon is killed, stopped, or replaced by a newer one",
	4:  "a dump is interrupted",
	5:  "a thread stays in another namespace",
	6:  "a namespace goes while it is wired, or is made anew under its name",
	7:  "what is in /run/netns is no namespace",
	8:  "a container restarts, and another process has its PID",
	9:  "a selector leads to the host's own namespace",
	10: "an end of a veth is moved, renamed, or lost with its namespace",
	11: "somebody else's interface has the name",
	12: "names are too long, or hold what a terminal or a log obeys",
	13: "an index means another interface at the write than at the look",
	14: "files contradict each other or themselves",
	15: "somebody undoes a thing again and again",
	16: "a port with a lower MAC address joins a bridge",
	17: "a link is set down and up",
	18: "another host has the address",
	19: "rules of linkd's are flushed or put in another order",
	20: "Docker drops what is forwarded",
	21: "somebody keeps the lock of iptables",
	22: "both backends of iptables are in use",
	23: "a restore of iptables is refused half-way",
	24: "others add things beside linkd's",
	25: "files are left half written, or are an editor's or an installer's",
	26: "a file is not valid",
	27: "the directory of the files goes, comes, or is mounted over",
	28: "the kernel tells no more of files",
	29: "a file is meant to use up memory or time",
	31: "a container engine is down or hangs",
	32: "the loop hangs",
	33: "nothing can be written in the runtime directory",
	34: "a mark is forged in a namespace that others control",
	35: "a namespace is huge, hung, hostile or in churn",
	36: "an external program hangs, floods its output, or dies",
	37: "a process of any user poses as a selector's target, or has a huge command line",
	38: "there are no file descriptors left",
	39: "a part of a firewall cannot be made",
	40: "an address moves to another interface or namespace",
	41: "a published target changes, or is published no more",
	42: "order matters to the kernel",
	44: "the kernel removes what came along with an address",
	45: "the kernel gives something up for good",
	46: "a file is there and cannot be read",
	47: "the target of a symbolic link changes",
	48: "something foreign stands on an end of a pair",
	49: "a container restarts ten times in a minute",
	50: "a container of a template does not fit",
	51: "an IPv6 address is tentative",
	52: "two interfaces of one broadcast domain have the same address",
	53: "linkd's rules come back, by a restore of others, where no file has any",
	54: "others drop in nftables what the files accept",
	55: "the machine boots again",
	56: "a line of the journal is damaged",
	57: "a namespace is deleted by its name while a process is in it",
}

// TestFaultsAreTested wants each fault named by a line such as "# FAULTS 4, 5: ..." of a story, or by such a comment of a
// test, so that none loses its test unnoticed, and no other number.
func TestFaultsAreTested(t *testing.T) {
	tested := map[int][]string{}
	for _, pattern := range []string{"stories/*.txtar", "engines/*.txtar", "../pkg/*/*_test.go", "../pkg/*/*/*_test.go"} {
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
				for _, number := range strings.Split(m[1], ", ") {
					n, _ := strconv.Atoi(number)
					tested[n] = append(tested[n], filepath.Base(file))
				}
			}
		}
	}
	for number, fault := range faults {
		if len(tested[number]) == 0 {
			t.Errorf("no story or test is said to be for fault %d: %s", number, fault)
		}
	}
	for number, by := range tested {
		if faults[number] == "" {
			t.Errorf("there is no fault %d, which %s is said to be for", number, strings.Join(by, " "))
		}
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

// sampledSteps is the distance between the steps that make a sample.
const sampledSteps = 8

// everystep repeats the lines of a file, which are a story of their own, until the program of its line `dies PROGRAM
// ARG...` gets through: in the first round that is killed before its first step, in the second before its second one, or
// before its ninth one without -thorough.
func (s *stage) everystep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: everystep FILE")
	}
	step, stride, died := 1, sampledSteps, true
	if *thorough {
		stride = 1
	}
	words := s.commands()
	words["dies"] = func(ts *testscript.TestScript, _ bool, args []string) {
		died = s.dies(ts, step, args)
	}
	for ; died; step += stride {
		died = false
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

// killed runs a program that is killed before the first of its steps that matches a pattern.
func (s *stage) killed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: killed PATTERN PROGRAM ARG...")
	}
	err := s.stepwise(ts, append([]string{"-kill-before", args[0]}, args[1:]...))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != killedStatus {
		ts.Fatalf("it was not killed: %v", err)
	}
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
