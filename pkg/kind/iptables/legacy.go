package iptables

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The legacy backend announces no change. The code below asks the kernel for a table without running a program.

const (
	// getInfo and getEntries are IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES (linux/netfilter_ipv4/ip_tables.h), and the same
	// numbers for IPv6.
	getInfo    = 64
	getEntries = 65
	// longestTableName is XT_TABLE_MAXNAMELEN in linux/netfilter/x_tables.h.
	longestTableName = 32
	// mostHashed is the size of a table in bytes up to which linkd reads it all to see whether it has changed. Of a larger one it
	// reads only the number of rules and their size.
	mostHashed = 256 << 10
	// mostSearched is the size of a table in bytes up to which linkd reads it all to search for a chain.
	mostSearched = 16 << 20
)

// tableInfo is struct ipt_getinfo.
type tableInfo struct {
	name       [longestTableName]byte
	validHooks uint32
	entry      [5]uint32
	underflow  [5]uint32
	entries    uint32
	size       uint32
}

// tableEntries is the header of struct ipt_get_entries. Rules follow it.
type tableEntries struct {
	name  [longestTableName]byte
	size  uint32
	rules [0]uint64
}

// entryShape has the offsets of fields of a rule, in struct ipt_entry or struct ip6t_entry: its length, and its counters.
type entryShape struct{ next, counters int }

// counterBytes is the size of struct xt_counters.
const counterBytes = 16

// legacySocket is a socket for requests about the tables of a family in the thread's namespace.
type legacySocket struct {
	family
	fd int
}

func (f family) legacySocket() (*legacySocket, error) {
	fd, err := unix.Socket(f.inet, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("ask for tables of legacy %s: %w", f.name, err)
	}
	return &legacySocket{f, fd}, nil
}

func (s *legacySocket) close() { unix.Close(s.fd) }

// option gets a socket option of the family. The kernel overwrites buf.
func (s *legacySocket) option(number int, buf unsafe.Pointer, size int) error {
	level := unix.SOL_IP
	if s.inet == unix.AF_INET6 {
		level = unix.SOL_IPV6
	}
	length := uint32(size)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), uintptr(level), uintptr(number), uintptr(buf), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// info returns the size of a table. A request for a table that does not exist would create it.
func (s *legacySocket) info(table string) (tableInfo, error) {
	var i tableInfo
	copy(i.name[:longestTableName-1], table)
	err := s.option(getInfo, unsafe.Pointer(&i), int(unsafe.Sizeof(i)))
	return i, err
}

// rules returns the rules of a table, in the kernel's form.
func (s *legacySocket) rules(i tableInfo) ([]byte, error) {
	head := int(unsafe.Offsetof(tableEntries{}.rules))
	// Allocate words, because the kernel's structures are aligned to them.
	words := make([]uint64, (head+int(i.size)+7)/8)
	e := (*tableEntries)(unsafe.Pointer(&words[0]))
	e.name, e.size = i.name, i.size
	if err := s.option(getEntries, unsafe.Pointer(e), head+int(i.size)); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)[head : head+int(i.size)], nil
}

var hashSeed = maphash.MakeSeed()

// stamp returns a text that changes when one of the tables changes, apart from its counters.
func (s *legacySocket) stamp(tables []string) (string, error) {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	for _, name := range tables {
		info, err := s.info(name)
		if err != nil {
			return "", err
		}
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info)))
		if info.size > mostHashed {
			continue
		}
		rules, err := s.rules(info)
		if err != nil {
			return "", err
		}
		if !s.shape.eachRule(rules, func(rule []byte) {
			clear(rule[s.shape.counters : s.shape.counters+counterBytes])
			h.Write(rule)
		}) {
			return "", fmt.Errorf("the kernel's rules of the table %s have an unknown form", name)
		}
	}
	return fmt.Sprintf("%s %x", tables, h.Sum64()), nil
}

// eachRule calls visit for each rule of a table; ok is false if the rules do not have this shape.
func (e entryShape) eachRule(rules []byte, visit func(rule []byte)) (ok bool) {
	for len(rules) > 0 {
		if len(rules) < e.counters+counterBytes {
			return false
		}
		length := int(binary.NativeEndian.Uint16(rules[e.next:]))
		if length < e.counters+counterBytes || length > len(rules) {
			return false
		}
		visit(rules[:length])
		rules = rules[length:]
	}
	return true
}

// hasOwn reports whether one of the tables may have a chain with a name that linkd gives. The kernel stores the name of a chain in
// a rule at its beginning (struct xt_error_target).
func (s *legacySocket) hasOwn(tables []string) (bool, error) {
	for _, name := range tables {
		info, err := s.info(name)
		if err != nil {
			return false, err
		}
		if info.size > mostSearched {
			return true, nil
		}
		rules, err := s.rules(info)
		if err != nil {
			return false, err
		}
		if bytes.Contains(rules, []byte(ownPrefix)) {
			return true, nil
		}
	}
	return false, nil
}

// mayHaveOwn reports whether there may be chains of linkd's in the thread's namespace, without running a program.
func (b *backend) mayHaveOwn() (bool, error) {
	born, err := b.born()
	if err != nil || len(born) == 0 {
		return false, err
	}
	if !b.legacy {
		return nftHasChain(b.family.inet, isOwn)
	}
	s, err := b.family.legacySocket()
	if err != nil {
		return false, err
	}
	defer s.close()
	has, err := s.hasOwn(born)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOENT) {
		// Another program is changing the table.
		return true, nil
	}
	return has, err
}

// stampEnd ends the stamp of a family.
const stampEnd = "\n"

// legacyStamps returns a text that changes when the legacy tables of the families in the thread's namespace change.
func legacyStamps(families ...family) (text string, err error) {
	for _, f := range families {
		stamp, err := f.legacyStamp()
		if err != nil {
			return "", err
		}
		text += stamp
	}
	return text, nil
}

func (f family) legacyStamp() (string, error) {
	born, err := (&backend{family: f, legacy: true}).born()
	if err != nil || len(born) == 0 {
		return stampEnd, err
	}
	s, err := f.legacySocket()
	if err != nil {
		return "", err
	}
	defer s.close()
	slices.Sort(born)
	stamp, err := s.stamp(born)
	return stamp + stampEnd, err
}
