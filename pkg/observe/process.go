package observe

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// processes is the Finder of namespaces by a process in them. It remembers the process by a pidfd, which stands for that
// very process even after its PID means another.
type processes struct {
	mu     sync.Mutex
	byName map[string]*process
	// changed hears the name of a namespace whose process ended.
	changed func(name string)
	// running are the processes by command line, as they were when somebody first asked in this pass.
	running map[string][]int
	// inhabited are the namespaces that processes are in, as they were then.
	inhabited map[Inode]int
}

type process struct {
	selector spec.Selector
	pid      int
	fd       *os.File
	gone     bool
}

func newProcesses() *processes {
	return &processes{byName: map[string]*process{}, changed: func(string) {}}
}

// Schemes implements Finder.
func (ps *processes) Schemes() []string { return []string{"pid", "process"} }

// Close implements Finder.
func (ps *processes) Close() { ps.Keep(nil) }

// Watch implements Finder.
func (ps *processes) Watch(changed func(name string), _ func()) (stop func()) {
	set := func(f func(string)) {
		ps.mu.Lock()
		ps.changed = f
		ps.mu.Unlock()
	}
	set(changed)
	return func() { set(func(string) {}) }
}

// Keep implements Finder: it drops the processes of namespaces that are not declared as they were.
func (ps *processes) Keep(declared map[string]spec.Namespace) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for name, p := range ps.byName {
		if declared[name].Selector != p.selector {
			p.fd.Close()
			delete(ps.byName, name)
		}
	}
}

// Find implements Finder.
func (ps *processes) Find(ns spec.Namespace) (path string, check func() error, err error) {
	p, err := ps.find(ns.Name, ns.Selector)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/%d/ns/net", p.pid), func() error {
		// Only now is it certain that the PID still meant this process when its namespace was opened.
		if hasEnded(int(p.fd.Fd())) {
			return Pendingf("process %d has just ended", p.pid)
		}
		return nil
	}, nil
}

func (ps *processes) find(name string, s spec.Selector) (*process, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.byName[name]; p != nil {
		if !p.gone && !hasEnded(int(p.fd.Fd())) {
			return p, nil
		}
		if s.Scheme == "pid" {
			p.gone = true
			// Whoever has this PID later is a stranger.
			return nil, Pendingf("process %d has ended; change pid: to name another", p.pid)
		}
		p.fd.Close()
		delete(ps.byName, name)
	}
	pid, err := ps.choose(s)
	if err != nil {
		return nil, err
	}
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, Pendingf("there is no process %d", pid)
	}
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	p := &process{selector: s, pid: pid, fd: os.NewFile(uintptr(fd), "pidfd")}
	ps.byName[name] = p
	go ps.watch(name, p)
	return p, nil
}

// watch waits, without a thread of its own, until the process ends (a pidfd is readable then; pidfd_open(2)) or the
// pidfd is closed.
func (ps *processes) watch(name string, p *process) {
	conn, err := p.fd.SyscallConn()
	if err != nil {
		return
	}
	if conn.Read(func(fd uintptr) bool { return hasEnded(int(fd)) }) == nil {
		ps.mu.Lock()
		changed := ps.changed
		ps.mu.Unlock()
		changed(name)
	}
}

func hasEnded(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// Release implements Finder: it forgets which processes are running.
func (ps *processes) Release() {
	ps.mu.Lock()
	ps.running, ps.inhabited = nil, nil
	ps.mu.Unlock()
}

// choose finds the one process that a selector means.
func (ps *processes) choose(s spec.Selector) (pid int, err error) {
	if s.Scheme == "pid" {
		return strconv.Atoi(s.Value)
	}
	if ps.running == nil {
		if ps.running, err = runningProcesses(); err != nil {
			return 0, err
		}
	}
	switch pids := ps.running[s.Value]; len(pids) {
	case 0:
		return 0, Pendingf("no process runs %q", s.Value)
	case 1:
		return pids[0], nil
	default:
		return 0, fmt.Errorf("%d processes run %q (PIDs %s): choose one, as in pid:%d", len(pids), s.Value, strings.Trim(fmt.Sprint(pids), "[]"), pids[0])
	}
}

// runningProcesses are all processes by their arguments, joined by single spaces.
func runningProcesses() (map[string][]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	running := map[string][]int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// A process that is just ending has no command line, and may be gone: either way it is none to wire.
		args, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(args) == 0 {
			continue
		}
		line := string(bytes.ReplaceAll(bytes.TrimRight(args, "\x00"), []byte{0}, []byte{' '}))
		running[line] = append(running[line], pid)
	}
	for _, pids := range running {
		slices.Sort(pids)
	}
	return running, nil
}
