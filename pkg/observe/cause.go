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

	"linkd/pkg/bounded"
	"linkd/pkg/program"
)

// Cause is who may have made a change, as far as the kernel tells. The zero Cause is that of what the kernel did by
// itself, what linkd did, and what nobody is named for.
type Cause struct {
	// Port is the netlink port that asked for the change. The kernel gives a process its PID for the port of the first
	// socket that it opens in a namespace (netlink_autobind in net/netlink/af_netlink.c), but the PID as that process
	// sees it, and a process may ask for any other.
	Port uint32 `json:"port,omitempty"`
	// PID and Command are of the process: the one whose PID is the port, where there is one that can have done it, or the
	// one that the kernel itself names.
	PID     int    `json:"pid,omitempty"`
	Command string `json:"command,omitempty"`
	// Named: the kernel says which process it was, and PID is no guess.
	Named bool `json:"named,omitempty"`
	// Several: more than one did something there.
	Several bool `json:"several,omitempty"`
}

// String is the cause as the end of a sentence; "" where nobody is named.
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

// and is the cause of two changes. What the kernel does in the wake of a change has no cause of its own.
func (c Cause) and(other Cause) Cause {
	switch {
	case c == Cause{} || c == other:
		return other
	case other == Cause{}:
		return c
	}
	return Cause{Several: true}
}

const (
	// mostPIDs is one more than the highest PID there can be (PID_MAX_LIMIT in linux/threads.h). The ports of further
	// sockets of a process, linkd's own among them, count down from 2^32.
	mostPIDs = 4 << 20
	// suspected is how long what was found out about a port holds good: nobody takes over a PID sooner.
	suspected = time.Second
	// mostSuspects bounds the memory of that.
	mostSuspects = 64
)

// suspects finds out who is behind a port, and remembers it for the thousands of messages that a routing daemon may
// cause. It belongs to one listener.
type suspects struct {
	world *World
	self  uint32
	known map[suspectKey]suspect
}

type suspectKey struct {
	port uint32
	ns   int
}

type suspect struct {
	Cause
	until time.Time
}

func (w *World) newSuspects() *suspects {
	return &suspects{world: w, self: uint32(os.Getpid()), known: map[suspectKey]suspect{}}
}

// behind is the cause of a change in the namespace with that id that a port asked for.
func (s *suspects) behind(port uint32, ns int) Cause {
	if port == 0 || port == s.self || port >= mostPIDs {
		return Cause{}
	}
	at, now := suspectKey{port, ns}, time.Now()
	if k, is := s.known[at]; is && now.Before(k.until) {
		return k.Cause
	}
	if len(s.known) >= mostSuspects {
		clear(s.known)
	}
	c := Cause{Port: port}
	if command, is := s.mayHaveBeen(int(port), ns); is {
		c.PID, c.Command = int(port), command
	}
	s.known[at] = suspect{c, now.Add(suspected)}
	return c
}

// mayHaveBeen tells whether there is a process with that PID that can have changed something in the namespace: one that
// is in it, or in linkd's own, from where an engine reaches into those of its containers. A process in another container
// has no business there: then the port is the PID of somebody who counts PIDs differently.
func (s *suspects) mayHaveBeen(pid, ns int) (command string, is bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	var at unix.Stat_t
	if unix.Stat(dir+"/ns/net", &at) != nil || !s.world.isAt(ns, at.Ino) && !s.world.isAt(OwnID, at.Ino) {
		return "", false
	}
	// A thread of the kernel's runs no program, and does not use netlink.
	if _, err := os.Readlink(dir + "/exe"); err != nil {
		return "", false
	}
	comm, err := bounded.ReadFile(dir+"/comm", lineLimit)
	return strings.TrimSpace(string(comm)), err == nil
}

// generation is who made a new generation of nftables' rules, by the kernel's own word (nf_tables_fill_gen_info in
// net/netfilter/nf_tables_api.c). What linkd runs for that, iptables, is linkd.
func (s *suspects) generation(body []byte) Cause {
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

// parent is the PID of a process's parent, and 0 where the process is gone.
func parent(pid int) int {
	const ppid = 4 - 3
	fields, err := program.StatFields(pid)
	if err != nil || len(fields) <= ppid {
		return 0
	}
	above, _ := strconv.Atoi(fields[ppid])
	return above
}
