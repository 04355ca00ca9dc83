package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

var containerID = strings.Repeat("c0", idLength/2)

// groupOf is a control group of the one container as the kernel shows it, with the processes that a test puts there.
func newGroup(t *testing.T, pids ...int) pathPattern {
	t.Helper()
	root := t.TempDir()
	p := pathPattern{before: root + "/engine-", after: ".scope"}
	if err := os.Mkdir(p.path(containerID), 0o755); err != nil {
		t.Fatal(err)
	}
	p.setProcesses(t, pids...)
	return p
}

func (p pathPattern) setProcesses(t *testing.T, pids ...int) {
	t.Helper()
	var text strings.Builder
	for _, pid := range pids {
		text.WriteString(strconv.Itoa(pid) + "\n")
	}
	if err := os.WriteFile(filepath.Join(p.path(containerID), "cgroup.procs"), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start runs a process until the test ends, in a network namespace of its own if it is asked for.
func start(t *testing.T, apart bool) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "infinity")
	if apart {
		cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// ended is the number of a process that was.
func ended(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// A container's processes come and go while they are looked at, and may part with its network; its first is found all
// the same, and stays found.
func TestOtherProcessesDoNotHideAContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a network namespace takes root")
	}
	first, second, apart := start(t, false), start(t, false), start(t, true)
	for _, test := range []struct {
		name string
		pids []int
		pid  int
	}{
		{"nobody", nil, 0},
		{"one", []int{first}, first},
		{"one of another PID namespace", []int{0}, 0},
		{"one and one of another PID namespace", []int{first, 0}, 0},
		{"one that has ended", []int{ended(t)}, 0},
		{"two, and some that have ended", []int{ended(t), first, ended(t), second, ended(t)}, first},
		{"two with a network each", []int{first, apart}, 0},
	} {
		g := cgroups{paths: []pathPattern{newGroup(t, test.pids...)}}
		pid, ok := g.process(containerID)
		if pid != test.pid || ok != (test.pid != 0) {
			t.Errorf("%s: found %d, %t; want %d", test.name, pid, ok, test.pid)
		}
	}
	g := cgroups{paths: []pathPattern{newGroup(t, apart, first)}}
	if !g.contains(containerID, first) || g.contains(containerID, second) {
		t.Errorf("a process is taken for gone because of another one's network, or for there when it is not")
	}
}

// slow is an engine whose answers a test gives when it wants to.
type slow struct {
	engine // no test calls its other methods

	asked   chan string
	answers chan state
}

func newSlow() *slow { return &slow{asked: make(chan string), answers: make(chan state)} }

func (s *slow) inspect(ctx context.Context, value string) (state, error) {
	select {
	case s.asked <- value:
	case <-ctx.Done():
		return state{}, ctx.Err()
	}
	select {
	case answer := <-s.answers:
		return answer, nil
	case <-ctx.Done():
		return state{}, ctx.Err()
	}
}

func (s *slow) events(context.Context) (<-chan event, <-chan error) { return nil, nil }
func (s *slow) withLabel(ctx context.Context, _ string) ([]spec.Instance, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (s *slow) close() {}

// An answer that was asked for before a container was started again is about the one that it was.
func TestALateAnswerDoesNotUndoAStart(t *testing.T) {
	before, after := start(t, false), start(t, false)
	engine := newSlow()
	f := newFinder(dockerDescription, engine, nil)
	f.SetDeclared(map[string]spec.Namespace{"web": {Name: "web", Selector: spec.Selector{Scheme: "docker", Value: "web"}}})
	target := f.targets["web"]
	group := newGroup(t, before)
	f.cgroups.paths = []pathPattern{group}

	done := make(chan bool)
	go func() {
		news, err := f.refresh(t.Context(), target)
		done <- news && err == nil
	}()
	<-engine.asked
	engine.answers <- state{id: containerID, name: "web", pid: before, started: "first"}
	if !<-done {
		t.Fatal("the first answer is no news")
	}

	go func() {
		news, err := f.refresh(t.Context(), target)
		done <- news || err != nil
	}()
	<-engine.asked
	group.setProcesses(t, after)
	if names := f.startedTargets(f.targets, event{action: "start", id: containerID, name: "web"}); len(names) != 1 {
		t.Fatalf("started: %v", names)
	}
	engine.answers <- state{id: containerID, name: "web", pid: before, started: "first"}
	if <-done {
		t.Error("a late answer counts as a change")
	}
	if target.pid != after || target.err != nil {
		t.Errorf("after a late answer it is process %d, %v; want %d", target.pid, target.err, after)
	}
}

// Of what is seen to run when it is declared, as one that has come to have a label is, no event follows any more, and the
// engine is asked for it all the same.
func TestAStartedContainerIsAskedForToo(t *testing.T) {
	first := start(t, false)
	engine := newSlow()
	f := newFinder(dockerDescription, engine, nil)
	f.cgroups.paths = []pathPattern{newGroup(t, first)}
	stop := f.Watch(func(string) {}, func() {})
	defer stop()
	asked := func(value string, answer state) {
		t.Helper()
		select {
		case now := <-engine.asked:
			if now != value {
				t.Fatalf("%s was asked for, not %s", now, value)
			}
			engine.answers <- answer
		case <-time.After(5 * time.Minute):
			t.Fatalf("nobody has asked for %s", value)
		}
	}
	known := map[string]spec.Namespace{"db": {Name: "db", Selector: spec.Selector{Scheme: "docker", Value: "db"}}}
	f.SetDeclared(known)
	asked("db", state{id: "1", name: "db", pid: first})

	known["web"] = spec.Namespace{Name: "web", Selector: spec.Selector{Scheme: "docker", Value: containerID}}
	f.SetDeclared(known)
	if path, check, err := f.Find(known["web"]); err != nil || check(-1) != nil || path != fmt.Sprintf("/proc/%d/ns/net", first) {
		t.Fatalf("it was not found to run: %s, %v", path, err)
	}
	asked(containerID, state{id: containerID, name: "web", pid: first})
}
