package observe

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// processes is the Finder of namespaces by a process in them. It keeps a pidfd, which stands for the same process
// even after another one has its PID.
type processes struct {
	mu     sync.Mutex
	byName map[string]*process
	// changed is called with the name of a namespace whose process has ended.
	changed func(name string)
	// wanted are the declared selectors of processes by command line.
	wanted map[spec.Selector]bool
	// running are the processes that these selectors found, cached for one pass.
	running map[spec.Selector]matches
	cache   scanCache
	reader  *commandLineReader
	// byNamespace are the namespaces of all processes, cached for one pass.
	byNamespace map[Inode]int
}

type process struct {
	selector spec.Selector
	pid      int
	fd       *os.File
	gone     bool
	accepted bool // of pid: checkPID has accepted the process
}

// isOfUser reports whether the process still belongs to the user of the selector.
func (p *process) isOfUser() bool {
	if p.selector.Scheme == "pid" {
		return true
	}
	uid, err := userID(p.selector.User)
	if err != nil {
		return false
	}
	is, err := isAllOf(p.pid, uid)
	return is && err == nil
}

func newProcesses() *processes {
	return &processes{byName: map[string]*process{}, changed: func(string) {}, reader: newCommandLineReader(openCommandLine)}
}

func (ps *processes) Schemes() []string { return []string{"pid", "process"} }

func (ps *processes) Close() { ps.SetDeclared(nil) }

func (ps *processes) Watch(changed func(name string), _ func()) (stop func()) {
	set := func(f func(string)) {
		ps.mu.Lock()
		ps.changed = f
		ps.mu.Unlock()
	}
	set(changed)
	return func() { set(func(string) {}) }
}

// SetDeclared drops the processes of namespaces whose declaration has changed.
func (ps *processes) SetDeclared(declared map[string]spec.Namespace) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for name, p := range ps.byName {
		if declared[name].Selector != p.selector {
			p.fd.Close()
			delete(ps.byName, name)
		}
	}
	ps.wanted, ps.running, ps.cache = map[spec.Selector]bool{}, nil, scanCache{}
	for _, ns := range declared {
		if ns.Selector.Scheme == "process" {
			ps.wanted[ns.Selector] = true
		}
	}
}

func (ps *processes) Find(ns spec.Namespace) (path string, check func(netns int) error, err error) {
	p, err := ps.find(ns)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/%d/ns/net", p.pid), func(netns int) error {
		err := p.check(ns, netns)
		// Only now is it certain that the PID still meant this process when its namespace was opened.
		if hasEnded(int(p.fd.Fd())) {
			return Pendingf("process %d has just ended", p.pid)
		}
		return err
	}, nil
}

// check refuses the open namespace of the process if the selector must not find it. A process can change its user and
// its namespace at any time, so it checks the namespace that was opened, and the process's user after that.
func (p *process) check(ns spec.Namespace, netns int) error {
	if p.selector.Scheme == "pid" {
		if p.accepted {
			return nil
		}
		err := checkPID(p.pid, ns.Source.File, netns)
		p.accepted = err == nil
		return err
	}
	uid, err := userID(p.selector.User)
	if err == nil {
		err = checkProcess(p.pid, uid, p.selector.User != "", netns)
	}
	return err
}

func (ps *processes) find(ns spec.Namespace) (*process, error) {
	name, s := ns.Name, ns.Selector
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p := ps.byName[name]; p != nil {
		if !p.gone && !hasEnded(int(p.fd.Fd())) && p.isOfUser() {
			return p, nil
		}
		if s.Scheme == "pid" {
			p.gone = true
			// A later process with this PID is another one.
			return nil, Pendingf("process %d has ended; change pid: to name another", p.pid)
		}
		p.fd.Close()
		delete(ps.byName, name)
	}
	pid, err := ps.selectPID(s)
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
	// selectPID may have read an earlier process with that PID.
	if s.Scheme == "process" && !ps.runs(pid, s) || hasEnded(fd) {
		unix.Close(fd)
		return nil, Pendingf("process %d has just ended", pid)
	}
	p := &process{selector: s, pid: pid, fd: os.NewFile(uintptr(fd), "pidfd")}
	ps.byName[name] = p
	go ps.watch(name, p)
	return p, nil
}

// watch waits until the process ends (then a pidfd is readable; pidfd_open(2)) or the pidfd is closed. It occupies no
// thread.
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

// Release drops the processes that were cached for one pass.
func (ps *processes) Release() {
	ps.mu.Lock()
	ps.running, ps.byNamespace = nil, nil
	ps.mu.Unlock()
}

// selectPID returns the one process that a selector means.
func (ps *processes) selectPID(s spec.Selector) (pid int, err error) {
	if s.Scheme == "pid" {
		return strconv.Atoi(s.Value)
	}
	if ps.running == nil {
		ps.running = ps.cache.at(time.Now())
	}
	if ps.running == nil {
		var processes int
		if ps.running, processes, err = ps.scan(); err != nil {
			return 0, err
		}
		ps.cache.scanned(ps.running, processes, time.Now())
	}
	return ps.running[s].one(s)
}
