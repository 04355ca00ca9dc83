package observe

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/program"
)

// Cause is the process that may have made a change, as far as the kernel says. The zero Cause stands for a change by
// the kernel or by linkd, and for one whose author is unknown.
type Cause struct {
	// Port is the netlink port of the request for the change. The kernel gives the first socket that a process opens
	// in a namespace the PID of the process as port (netlink_autobind in net/netlink/af_netlink.c). But that is the
	// PID as the process sees it, and a process may ask for any other port.
	Port uint32 `json:"port,omitempty"`
	// PID and Command are those of the process: either the process whose PID is the port, if that process may have
	// made the change, or the one that the kernel names.
	PID     int    `json:"pid,omitempty"`
	Command string `json:"command,omitempty"`
	// Named: the kernel named the process, so PID is no guess.
	Named bool `json:"named,omitempty"`
	// Several: more than one process made changes there.
	Several bool `json:"several,omitempty"`
}

// String returns the cause as the end of a sentence; "" if it is unknown.
func (c Cause) String() string {
	switch {
	case c.Several:
		return "by one of several processes"
	case c.Named:
		return fmt.Sprintf("by process %d (%s)", c.PID, c.Command)
	case c.PID != 0:
		return fmt.Sprintf("perhaps by process %d (%s)", c.PID, c.Command)
	case c.Port != 0:
		return fmt.Sprintf("by netlink port %d, perhaps a process that has ended", c.Port)
	}
	return ""
}

// merge returns the cause of two changes. Changes by the kernel that follow another change have no cause of their
// own.
func (c Cause) merge(other Cause) Cause {
	switch {
	case c == Cause{} || c == other:
		return other
	case other == Cause{}:
		return c
	}
	return Cause{Several: true}
}

const (
	// mostPIDs is the highest possible PID plus one (PID_MAX_LIMIT in linux/threads.h). The ports of further sockets
	// of a process, including linkd's own, count down from 2^32.
	mostPIDs = 4 << 20
	// causeLifetime is how long a cached cause is valid: a PID is not used again sooner.
	causeLifetime = time.Second
	// maxCachedCauses limits the cache.
	maxCachedCauses = 64
)

// causeFinder finds the process behind a port, and caches it for the thousands of messages that a routing daemon may
// cause. One listener uses it.
type causeFinder struct {
	world *World
	self  uint32
	known map[causeKey]cachedCause
}

type causeKey struct {
	port uint32
	ns   int
}

type cachedCause struct {
	Cause
	until time.Time
}

func (w *World) newCauseFinder() *causeFinder {
	return &causeFinder{world: w, self: uint32(os.Getpid()), known: map[causeKey]cachedCause{}}
}

// causeOf returns the cause of a change in a namespace, by ID, that was requested from a port.
func (s *causeFinder) causeOf(port uint32, ns int) Cause {
	if port == 0 || port == s.self || port >= mostPIDs {
		return Cause{}
	}
	at, now := causeKey{port, ns}, time.Now()
	if k, is := s.known[at]; is && now.Before(k.until) {
		return k.Cause
	}
	if len(s.known) >= maxCachedCauses {
		clear(s.known)
	}
	c := Cause{Port: port}
	if command, is := s.commandOf(int(port), ns); is {
		c.PID, c.Command = int(port), command
	}
	s.known[at] = cachedCause{c, now.Add(causeLifetime)}
	return c
}

// commandOf returns the command of the process with a PID, if that process may have changed something in the
// namespace: it is in that namespace, or in linkd's own, from which an engine configures its containers. A process in
// another container cannot have made the change: then the port is a PID as another PID namespace counts.
func (s *causeFinder) commandOf(pid, ns int) (command string, is bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	var at unix.Stat_t
	if unix.Stat(dir+"/ns/net", &at) != nil || !s.world.isAt(ns, at.Ino) && !s.world.isAt(OwnID, at.Ino) {
		return "", false
	}
	// A kernel thread has no executable and does not use netlink.
	if _, err := os.Readlink(dir + "/exe"); err != nil {
		return "", false
	}
	comm, err := readComm(dir + "/comm")
	return strings.TrimSpace(comm), err == nil
}

// readComm reads the name of a process (proc_pid_comm(5)). Package os would offer the file to the runtime's poller first, which takes
// twice as many system calls as the rest.
func readComm(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var name [64]byte
	n, err := unix.Read(fd, name[:])
	return string(name[:max(n, 0)]), err
}

// causeOfGeneration returns the process that made a new generation of nftables rules, as the kernel names it
// (nf_tables_fill_gen_info in net/netfilter/nf_tables_api.c). A child process of linkd, such as iptables, counts as
// linkd.
func (s *causeFinder) causeOfGeneration(body []byte) Cause {
	if len(body) < nl.SizeofNfgenmsg {
		return Cause{}
	}
	attrs, err := Attrs(body[nl.SizeofNfgenmsg:])
	pid, name := attrs[unix.NFTA_GEN_PROC_PID], attrs[unix.NFTA_GEN_PROC_NAME]
	if err != nil || len(pid) != 4 {
		return Cause{}
	}
	c := Cause{PID: int(binary.BigEndian.Uint32(pid)), Command: unix.ByteSliceToString(name), Named: true}
	if c.PID == int(s.self) || parent(c.PID) == int(s.self) {
		return Cause{}
	}
	return c
}

// parent returns the PID of a process's parent, or 0 if the process has ended.
func parent(pid int) int {
	const ppid = 4 - 3
	fields, err := program.StatFields(pid)
	if err != nil || len(fields) <= ppid {
		return 0
	}
	above, _ := strconv.Atoi(fields[ppid])
	return above
}
