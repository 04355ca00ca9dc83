package observe

import (
	"fmt"
	"math/bits"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// attachFilter has the kernel drop, before it queues them, the messages about entries that it learns and forgets by
// itself: a busy host's neighbour tables and bridges make thousands a second, of which not one is linkd's business.
func attachFilter(fd int) error {
	program := make([]unix.SockFilter, len(filter))
	for i, s := range filter {
		program[i] = unix.SockFilter{Code: s.code, K: s.k}
		if s.code&0x7 == unix.BPF_JMP {
			program[i].Jt, program[i].Jf = uint8(s.yes-i-1), uint8(s.no-i-1)
		}
	}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return fmt.Errorf("filter what the kernel tells: %w", err)
	}
	return nil
}

// step is an instruction of classic BPF (Documentation/networking/filter.rst); yes and no are the steps that follow a
// comparison.
type step struct {
	code    uint16
	k       uint32
	yes, no int
}

const (
	keep = 17
	drop = 18
)

// filter keeps
//   - of a neighbour table, what is permanent, or says who made it (NDA_PROTOCOL);
//   - of a bridge, what is static, which is NUD_NOARP there: NUD_PERMANENT are the ports' own addresses, which come and
//     go with them (fdb_to_nud in net/bridge/br_fdb.c);
//   - of a VXLAN, which marks its entries with NTF_SELF, what does not age;
//
// but nothing that a routing daemon taught the kernel (NTF_EXT_LEARNED). Messages of other types all pass. What is deleted
// by a request is said to have failed (neigh_delete in net/core/neighbour.c), so of that only what says who made it is
// kept.
var filter = []step{
	0:  {code: loadHalf, k: 4}, // nlmsg_type
	1:  {code: equal, k: inMessage(unix.RTM_NEWNEIGH), yes: 3, no: 2},
	2:  {code: equal, k: inMessage(unix.RTM_DELNEIGH), yes: 3, no: keep},
	3:  {code: loadByte, k: entry + 10}, // ndm_flags
	4:  {code: anyOf, k: unix.NTF_EXT_LEARNED, yes: drop, no: 5},
	5:  {code: loadByte, k: entry}, // ndm_family
	6:  {code: equal, k: unix.AF_BRIDGE, yes: 7, no: 11},
	7:  {code: loadHalf, k: entry + 8}, // ndm_state
	8:  {code: anyOf, k: inMessage(unix.NUD_NOARP), yes: keep, no: 9},
	9:  {code: loadByte, k: entry + 10},
	10: {code: anyOf, k: unix.NTF_SELF, yes: 11, no: drop},
	11: {code: loadHalf, k: entry + 8},
	12: {code: anyOf, k: inMessage(unix.NUD_PERMANENT), yes: keep, no: 13},
	// The extension takes the type of an attribute in X and where to begin in A, and leaves in A where it is.
	13: {code: unix.BPF_LDX | unix.BPF_IMM, k: ndaProtocol},
	14: {code: unix.BPF_LD | unix.BPF_IMM, k: entry + unix.SizeofNdMsg},
	15: {code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, k: findAttr},
	16: {code: equal, k: 0, yes: drop, no: keep},

	keep: {code: unix.BPF_RET | unix.BPF_K, k: 1<<32 - 1},
	drop: {code: unix.BPF_RET | unix.BPF_K, k: 0},
}

const (
	loadByte = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	loadHalf = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	equal    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	anyOf    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K

	// entry is where struct ndmsg begins; findAttr is SKF_AD_OFF + SKF_AD_NLATTR (linux/filter.h).
	entry    = unix.SizeofNlMsghdr
	findAttr = 1<<32 - 0x1000 + 12
)

// inMessage is a number of two bytes as BPF loads it: it takes every message for one in network byte order, and netlink
// has the machine's.
func inMessage(n uint16) uint32 {
	if nl.NativeEndian().Uint16([]byte{1, 0}) == 1 {
		n = bits.ReverseBytes16(n)
	}
	return uint32(n)
}
