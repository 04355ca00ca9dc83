package tests

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a story, to end one that hangs: what a story waits for takes seconds at most.
const patience = 5 * time.Minute

// programs can stand first on a story's line without exec before them.
var programs = []string{
	"advertise", "attach", "bridge", "can", "cat", "converse", "ctr", "dial", "dnsmasq", "docker", "dpkg", "etcd", "flock", "flood", "ip", "ip6tables", "iptables", "iptables-legacy", "iptables-legacy-save",
	"iptables-nft", "iptables-nft-save", "iptables-save", "journalctl", "linkd", "ls", "machines", "meter", "nmcli", "node", "notified", "patch", "ping", "podman",
	"networkctl", "nft", "readlink", "reply", "script", "serve", "setpriv", "sh", "sysctl", "systemctl", "systemd-analyze", "systemd-run",
	"tc", "udevadm", "unanswered", "website", "accept", "associate", "wg",
}

// command is what testscript runs for a word that it does not know; neg is a ! before it.
type command = func(ts *testscript.TestScript, neg bool, args []string)

// stage is where a story plays: the processes it has started in the sandbox, by name.
type stage struct {
	jobs      map[string]*job
	variables []string
}

// commands are the words that stories have beside testscript's own:
//
//	PROGRAM ARG... [&|&NAME&]         run a program; in the background under its own name, or under NAME
//	in NETNS PROGRAM ARG...           run it in the network namespace of a container, or of a name in /run/netns
//	status N PROGRAM ARG...           its exit status is N
//	await [!] PATTERN PROGRAM ARG...  repeat it until its output matches, or until it does no more
//	settle [ID...]                    wait until the daemon has converged, or these are as wanted
//	container NAME [PROGRAM ARG...]   a process in a new network namespace, by default `sleep 36000`; sets $NAME_PID
//	reborn NAME PID PROGRAM ARG...    a container whose process has that PID, which has to be free
//	join NAME                         wait until a background process ends, with success; its output follows
//	term NAME                         the same after a SIGTERM
//	kill9 NAME                        the same after a SIGKILL, with whatever status
//	rename NETNS DEV NAME             give an interface another name, with it down
//	state [-unmarked] NETNS [FILE]    print the whole network state of a namespace, or write it to FILE
//	everystep FILE                    repeat the lines of FILE; its `dies PROGRAM ARG...` is killed before every step, or a sample
//	killed PATTERN PROGRAM ARG...     run a program that is killed right before its first step that matches
//	engine docker|podman [FLAG...]    start a container engine, with an image called busybox
//	transcript FILE PAGE NUMBER       type what a page of the guide shows as typed, and compare what is printed (guide_test.go)
//	meanwhile PATTERN SCRIPT PROGRAM ARG...
//	                                  run a program, and SCRIPT right before its first step that matches
func (s *stage) commands() map[string]command {
	words := map[string]command{
		"in":         s.in,
		"status":     s.status,
		"await":      s.await,
		"settle":     s.settle,
		"container":  s.container,
		"reborn":     s.reborn,
		"join":       s.join,
		"term":       s.term,
		"kill9":      s.kill9,
		"rename":     s.rename,
		"state":      s.state,
		"everystep":  s.everystep,
		"killed":     s.killed,
		"meanwhile":  s.meanwhile,
		"engine":     s.engine,
		"transcript": s.transcript,
	}
	for _, p := range programs {
		words[p] = func(ts *testscript.TestScript, neg bool, args []string) {
			s.run(ts, neg, append([]string{p}, args...))
		}
	}
	return words
}

// run runs a program to its end, or starts it in the background if the last word says so.
func (s *stage) run(ts *testscript.TestScript, neg bool, args []string) {
	if name, ok := background(args); ok {
		s.start(ts, neg, name, args[:len(args)-1])
		return
	}
	err := ts.Exec(args[0], args[1:]...)
	switch {
	case err == nil && neg:
		ts.Fatalf("unexpected success")
	case err != nil && !neg:
		ts.Fatalf("%v", err)
	}
}

func (s *stage) in(ts *testscript.TestScript, neg bool, args []string) {
	s.run(ts, neg, s.inside(ts, append([]string{"in"}, args...)))
}

// inside turns `in NETNS PROGRAM ARG...` into a command line, and leaves any other as it is.
func (s *stage) inside(ts *testscript.TestScript, args []string) []string {
	if len(args) == 0 || args[0] != "in" {
		return args
	}
	if len(args) < 3 {
		ts.Fatalf("usage: in NETNS PROGRAM ARG...")
	}
	return append([]string{"nsenter", "--net=" + s.netns(args[1])}, args[2:]...)
}

// netns returns the file of a network namespace: that of a container, or a name in /run/netns.
func (s *stage) netns(name string) string {
	if name == "host" {
		return "/proc/1/ns/net"
	}
	if j, ok := s.jobs[name]; ok {
		return "/proc/" + strconv.Itoa(j.cmd.Process.Pid) + "/ns/net"
	}
	return "/run/netns/" + name
}

func (s *stage) status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = s.inside(ts, args[1:])
	have := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[0], args[1:]...); errors.As(err, &exit) {
		have = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if have != want {
		ts.Fatalf("exit status %d, want %d", have, want)
	}
}

func (s *stage) await(ts *testscript.TestScript, neg bool, args []string) {
	match := true
	if len(args) > 0 && args[0] == "!" {
		match, args = false, args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await [!] PATTERN PROGRAM ARG...")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	args = s.inside(ts, args[1:])
	var stdout, stderr strings.Builder
	ok := until(func() bool {
		stdout.Reset()
		stderr.Reset()
		cmd := s.command(ts, args)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		if exit != nil && exit.ExitCode() == exitNoDaemon {
			// What linkd prints without a daemon is no news of the daemon that has only just been started.
			return false
		}
		return re.MatchString(stdout.String()) == match
	})
	ts.Stdout().Write([]byte(stdout.String()))
	ts.Stderr().Write([]byte(stderr.String()))
	if !ok {
		ts.Fatalf("not after %v", patience)
	}
}

// exitNoDaemon is the exit status of a command of linkd that found no daemon.
const exitNoDaemon = 3

// settle leaves it to linkd wait to wait for a daemon that has only just been started.
func (s *stage) settle(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: settle [ID...]")
	}
	if err := ts.Exec("linkd", append([]string{"wait", "--timeout", patience.String()}, args...)...); err != nil {
		_ = ts.Exec("linkd", "status")
		ts.Fatalf("linkd wait: %v", err)
	}
}

// rename is one batch, because before 6.2 the kernel renames only what is down, and the daemon sets it up again; where
// that was quicker, it is tried again.
func (s *stage) rename(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: rename NETNS DEV NAME")
	}
	var out []byte
	if !until(func() (ok bool) {
		ip := s.command(ts, []string{"nsenter", "--net=" + s.netns(args[0]), "ip", "-batch", "-"})
		ip.Stdin = strings.NewReader(fmt.Sprintf("link set %s down\nlink set %[1]s name %s\n", args[1], args[2]))
		var err error
		out, err = ip.CombinedOutput()
		return err == nil
	}) {
		ts.Fatalf("ip: %s", out)
	}
}

// until calls done again and again until it returns true, and reports whether it did within the patience of a story. It
// asks less and less often, for what takes long takes the processor from nobody then.
func until(done func() bool) bool {
	const shortest, longest = 10 * time.Millisecond, 200 * time.Millisecond
	deadline := time.After(patience)
	for pause := shortest; !done(); pause = min(2*pause, longest) {
		select {
		case <-deadline:
			return false
		case <-time.After(pause):
		}
	}
	return true
}
