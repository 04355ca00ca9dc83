package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// matches are the processes that a command line selector finds.
type matches struct {
	pids []int
	// refused says why another process with that user and command line does not count.
	refused error
	// err says why some processes could not be looked at.
	err error
}

// one returns the process, if there is exactly one.
func (m matches) one(s spec.Selector) (pid int, err error) {
	switch {
	case len(m.pids) > 1:
		return 0, fmt.Errorf("%d processes run %q (PIDs %s): choose one, as in pid:%d",
			len(m.pids), s.Value, strings.Trim(fmt.Sprint(m.pids), "[]"), m.pids[0])
	case len(m.pids) == 1:
		return m.pids[0], nil
	case m.err != nil:
		return 0, m.err
	case m.refused != nil:
		return 0, m.refused
	case s.User != "":
		return 0, Pendingf("no process of user %s runs %q", s.User, s.Value)
	}
	return 0, Pendingf("no process of root runs %q", s.Value)
}

// candidates are the declared command lines of one user's processes.
type candidates struct {
	uid     uint32
	longest int
	byLine  map[string][]spec.Selector
}

// procBatch is how many processes are listed at a time.
const procBatch = 1024

// scan looks for the processes of the declared selectors. Of processes of other users it reads only the effective
// user ID: a command line is in the memory of its process, may be of any length, and the process can block the read.
func (ps *processes) scan() (found map[spec.Selector]matches, processes int, err error) {
	found = map[spec.Selector]matches{}
	users := map[uint32]*candidates{}
	for s := range ps.wanted {
		uid, err := userID(s.User)
		if err != nil {
			found[s] = matches{err: err}
			continue
		}
		if users[uid] == nil {
			users[uid] = &candidates{uid: uid, byLine: map[string][]spec.Selector{}}
		}
		c := users[uid]
		c.longest = max(c.longest, len(s.Value))
		c.byLine[s.Value] = append(c.byLine[s.Value], s)
	}
	ps.reader.begin()
	err = eachProcess(func(pid string) {
		processes++
		uid, err := effectiveUser(pid)
		if c := users[uid]; err == nil && c != nil {
			ps.match(pid, c, found)
		}
	})
	for _, c := range users {
		why := ps.reader.missed(c.uid)
		for _, selectors := range c.byLine {
			for _, s := range selectors {
				m := found[s]
				slices.Sort(m.pids)
				m.err = why
				found[s] = m
			}
		}
	}
	return found, processes, err
}

// eachProcess calls f with the PID of every process.
func eachProcess(f func(pid string)) error {
	proc, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer proc.Close()
	for {
		names, err := proc.Readdirnames(procBatch)
		for _, name := range names {
			if name[0] >= '1' && name[0] <= '9' {
				f(name)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// match adds a process to the matches of its command line. The effective user ID of the process is that of the
// candidates.
func (ps *processes) match(text string, c *candidates, found map[spec.Selector]matches) {
	pid, err := strconv.Atoi(text)
	if err != nil {
		return
	}
	// A process that is just ending has no user IDs or no command line.
	if is, err := isAllOf(pid, c.uid); !is || err != nil {
		return
	}
	line, err := ps.reader.read(pid, c.uid, c.longest)
	if err != nil {
		return
	}
	for _, s := range c.byLine[line] {
		m := found[s]
		check := func(netns int) error {
			return errors.Join(checkElsewhere(netns), checkOwnerOf(netns, c.uid, s.User != ""))
		}
		if err := visit(pid, check); err != nil {
			m.refused = Pendingf("process %d runs %q, but %v", pid, s.Value, err)
		} else {
			m.pids = append(m.pids, pid)
		}
		found[s] = m
	}
}

// runs reports whether a selector finds a process.
func (ps *processes) runs(pid int, s spec.Selector) bool {
	uid, err := userID(s.User)
	if err != nil {
		return false
	}
	if is, err := isAllOf(pid, uid); !is || err != nil {
		return false
	}
	line, err := ps.reader.read(pid, uid, len(s.Value))
	return err == nil && line == s.Value
}

// visit opens the network namespace of a process for f.
func visit(pid int, f func(netns int) error) error {
	fd, err := openNamespace(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

var errHost = errors.New("it is in the namespace that linkd itself runs in")

// checkElsewhere refuses an open network namespace that is linkd's own, for which no selector stands. So a process of
// the host with the declared command line, which a user may start with sudo(8), is no second match.
func checkElsewhere(netns int) error {
	own, err := ownNamespace()
	if err != nil {
		return err
	}
	same, err := isSameFile(netns, int(own.Fd()))
	if err == nil && same {
		err = errHost
	}
	return err
}

func isSameFile(a, b int) (bool, error) {
	var one, other unix.Stat_t
	if err := errors.Join(unix.Fstat(a, &one), unix.Fstat(b, &other)); err != nil {
		return false, err
	}
	return one.Dev == other.Dev && one.Ino == other.Ino, nil
}

// checkProcess refuses a process that does not belong to a user with all its IDs, and a network namespace that was
// made by another user than root or, if the entry names a user, than that one.
func checkProcess(pid int, uid uint32, named bool, netns int) error {
	is, err := isAllOf(pid, uid)
	if err != nil {
		return Pendingf("process %d has just ended", pid)
	}
	if !is {
		return Pendingf("process %d has become another user's", pid)
	}
	if err := checkOwnerOf(netns, uid, named); err != nil {
		return Pendingf("process %d: %v", pid, err)
	}
	return nil
}

func checkOwnerOf(netns int, uid uint32, named bool) error {
	if named {
		return checkOwner(netns, &uid)
	}
	return checkOwner(netns, nil)
}

// clockStep is the largest difference between the two clocks that checkPID compares.
const clockStep = 2 * time.Second

// checkPID refuses the process of a pid: selector if it may be another one than the file means. After the process has
// ended, or after a reboot, any user can start processes until one gets the PID, in a network namespace of that user.
// Such a process started after the file was written.
func checkPID(pid int, file string, netns int) error {
	if is, err := isAllOf(pid, 0); err == nil && is && checkOwner(netns, nil) == nil || file == "" {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return &os.PathError{Op: "stat", Path: file, Err: err}
	}
	ticks, err := StartedAt(pid)
	if err != nil {
		return Pendingf("process %d has just ended", pid)
	}
	var running unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &running); err != nil {
		return err
	}
	const tick = time.Second / 100
	started := time.Now().Add(time.Duration(ticks)*tick - time.Duration(running.Nano()))
	if started.After(time.Unix(st.Ctim.Unix()).Add(clockStep)) {
		return Pendingf("process %d is not root's and started after %s was written, so the file may mean an earlier process: if it means this one, run touch %[2]s", pid, file)
	}
	return nil
}
