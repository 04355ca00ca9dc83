package observe

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// attachFilter makes the kernel drop messages about neighbours and forwarding entries that it learns and forgets,
// before it queues them. A busy host has thousands of these a second, and linkd manages none of those entries.
func attachFilter(fd int) error {
	program, err := bpf.Assemble(entryFilter(nl.NativeEndian()).instructions())
	if err != nil {
		return fmt.Errorf("assemble the filter of kernel events: %w", err)
	}
	raw := make([]unix.SockFilter, len(program))
	for i, p := range program {
		raw[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(raw)), Filter: &raw[0]})
	if err != nil {
		return fmt.Errorf("filter kernel events: %w", err)
	}
	return nil
}

// steps are a program of classic BPF (Documentation/networking/filter.rst).
type steps []step

// step is an instruction, or a comparison of the accumulator with a value. After a comparison, the program continues
// at the step with the label yes or no, or at the next step if that label is "". Jumps only go forward.
type step struct {
	label   string
	do      bpf.Instruction
	test    bpf.JumpTest
	value   uint32
	yes, no string
}

// instructions returns the steps with the labels resolved. It panics if a label does not come after the jump to it.
func (s steps) instructions() []bpf.Instruction {
	skip := func(from int, label string) uint8 {
		if label == "" {
			return 0
		}
		for i, to := range s[from+1:] {
			if to.label == label {
				return uint8(i)
			}
		}
		panic(fmt.Sprintf("step %d leads to %q, which does not come after it", from, label))
	}
	program := make([]bpf.Instruction, len(s))
	for i, step := range s {
		if program[i] = step.do; step.do == nil {
			program[i] = bpf.JumpIf{Cond: step.test, Val: step.value, SkipTrue: skip(i, step.yes), SkipFalse: skip(i, step.no)}
		}
	}
	return program
}

// entryFilter keeps
//   - of a neighbour table, what is permanent or names who made it (NDA_PROTOCOL);
//   - of a bridge, what is static, which is NUD_NOARP there: NUD_PERMANENT are the addresses of the ports themselves,
//     which come and go with the ports (fdb_to_nud in net/bridge/br_fdb.c);
//   - of a VXLAN, which marks its entries with NTF_SELF, what does not age;
//
// but nothing that a routing daemon taught the kernel (NTF_EXT_LEARNED). Messages of other types all pass. The kernel reports
// an entry that a request deletes as failed (neigh_delete in net/core/neighbour.c), so of those only what names who made it
// is kept.
//
// The kernel sends each event as a datagram of its own; of several messages in one, the first decides. It drops what is too
// short for the fields that are compared.
func entryFilter(order binary.ByteOrder) steps {
	// BPF reads in network byte order, and netlink writes in the byte order of the machine.
	native := func(n uint16) uint32 {
		var b [2]byte
		order.PutUint16(b[:], n)
		return uint32(binary.BigEndian.Uint16(b[:]))
	}
	const (
		messageType = 4 // in struct nlmsghdr
		entry       = unix.SizeofNlMsghdr
		family      = entry // the fields of struct ndmsg
		state       = entry + 8
		flags       = entry + 10
		attributes  = entry + unix.SizeofNdMsg
	)
	load := func(offset uint32, size int) bpf.Instruction { return bpf.LoadAbsolute{Off: offset, Size: size} }
	return steps{
		{do: load(messageType, 2)},
		{test: bpf.JumpEqual, value: native(unix.RTM_NEWNEIGH), yes: "entry"},
		{test: bpf.JumpEqual, value: native(unix.RTM_DELNEIGH), no: "keep"},

		{label: "entry", do: load(flags, 1)},
		{test: bpf.JumpBitsSet, value: unix.NTF_EXT_LEARNED, yes: "drop"},
		{do: load(family, 1)},
		{test: bpf.JumpEqual, value: unix.AF_BRIDGE, no: "permanent"},

		{do: load(state, 2)},
		{test: bpf.JumpBitsSet, value: native(unix.NUD_NOARP), yes: "keep"},
		{do: load(flags, 1)},
		{test: bpf.JumpBitsSet, value: unix.NTF_SELF, no: "drop"},

		{label: "permanent", do: load(state, 2)},
		{test: bpf.JumpBitsSet, value: native(unix.NUD_PERMANENT), yes: "keep"},

		// The extension takes the type of an attribute in X and the start offset in A, and sets A to the offset of
		// the attribute.
		{do: bpf.LoadConstant{Dst: bpf.RegX, Val: ndaProtocol}},
		{do: bpf.LoadConstant{Dst: bpf.RegA, Val: attributes}},
		{do: bpf.LoadExtension{Num: bpf.ExtNetlinkAttr}},
		{test: bpf.JumpEqual, value: 0, yes: "drop"},

		{label: "keep", do: bpf.RetConstant{Val: 1<<32 - 1}},
		{label: "drop", do: bpf.RetConstant{Val: 0}},
	}
}
