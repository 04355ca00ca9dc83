package observe

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// byteOrder is one of the two that a machine can have.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var orders = []byteOrder{binary.LittleEndian, binary.BigEndian}

// entryMessage is a message about an entry: struct nlmsghdr, struct ndmsg (linux/neighbour.h), and attributes.
type entryMessage struct {
	kind   uint16
	family uint8
	state  uint16
	flags  uint8
	attrs  []byte
}

func (m entryMessage) in(order byteOrder) []byte {
	b := order.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+unix.SizeofNdMsg+len(m.attrs)))
	b = order.AppendUint16(b, m.kind)
	b = append(b, make([]byte, 10)...) // flags, sequence, port
	b = append(b, m.family, 0, 0, 0)
	b = order.AppendUint32(b, 7) // the index of the interface
	b = order.AppendUint16(b, m.state)
	b = append(b, m.flags, 0)
	return append(b, m.attrs...)
}

// attribute is struct nlattr with one byte, and its padding.
func attribute(order byteOrder, kind uint16) []byte {
	return append(order.AppendUint16(order.AppendUint16(nil, 5), kind), 108, 0, 0, 0)
}

// attributeAt is what the kernel's extension answers: where the attribute is, or 0 (bpf_skb_get_nlattr in net/core/filter.c).
func attributeAt(order byteOrder, b []byte, from int, kind uint16) uint32 {
	for at := from; at+4 <= len(b); {
		length := int(order.Uint16(b[at:]))
		if length < 4 || at+length > len(b) {
			return 0
		}
		if order.Uint16(b[at+2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER) == kind {
			return uint32(at)
		}
		at += (length + 3) &^ 3
	}
	return 0
}

// verdict runs a program in Go's virtual machine, which has no extensions: their answer stands in their place.
func verdict(t testing.TB, program []bpf.Instruction, order byteOrder, message []byte) (kept bool) {
	t.Helper()
	answered := make([]bpf.Instruction, len(program))
	for i, instruction := range program {
		if _, is := instruction.(bpf.LoadExtension); is {
			const attributes = unix.SizeofNlMsghdr + unix.SizeofNdMsg
			instruction = bpf.LoadConstant{Dst: bpf.RegA, Val: attributeAt(order, message, attributes, ndaProtocol)}
		}
		answered[i] = instruction
	}
	vm, err := bpf.NewVM(answered)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(message)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// filterCase is a datagram, and whether it passes.
type filterCase struct {
	name string
	data func(order byteOrder) []byte
	kept bool
}

func filterCases() (cases []filterCase) {
	add := func(name string, kept bool, data func(order byteOrder) []byte) {
		cases = append(cases, filterCase{name, data, kept})
	}
	entry := func(name string, kept bool, m entryMessage, attrs ...uint16) {
		add(name, kept, func(order byteOrder) []byte {
			whole := m
			for _, kind := range attrs {
				whole.attrs = append(whole.attrs, attribute(order, kind)...)
			}
			return whole.in(order)
		})
	}
	const set, gone, bridge = unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH, unix.AF_BRIDGE
	for name, kind := range map[string]uint16{"new": set, "deleted": gone} {
		entry(name+" permanent neighbour", true, entryMessage{kind, unix.AF_INET, unix.NUD_PERMANENT, 0, nil})
		entry(name+" learned neighbour", false, entryMessage{kind, unix.AF_INET, unix.NUD_REACHABLE, 0, nil})
		entry(name+" learned neighbour of a known maker", true, entryMessage{kind, unix.AF_INET6, unix.NUD_STALE, 0, nil}, unix.NDA_DST, ndaProtocol)
		entry(name+" neighbour with other attributes", false, entryMessage{kind, unix.AF_INET6, unix.NUD_STALE, 0, nil}, unix.NDA_DST, unix.NDA_LLADDR)
		entry(name+" neighbour of a routing daemon", false, entryMessage{kind, unix.AF_INET, unix.NUD_PERMANENT, unix.NTF_EXT_LEARNED, nil}, ndaProtocol)
		entry(name+" neighbour without ARP", false, entryMessage{kind, unix.AF_INET, unix.NUD_NOARP, 0, nil})
		entry(name+" static entry of a bridge", true, entryMessage{kind, bridge, unix.NUD_NOARP, unix.NTF_MASTER, nil})
		entry(name+" learned entry of a bridge", false, entryMessage{kind, bridge, unix.NUD_REACHABLE, unix.NTF_MASTER, nil})
		entry(name+" address of a port", false, entryMessage{kind, bridge, unix.NUD_PERMANENT, unix.NTF_MASTER, nil})
		entry(name+" static entry of a routing daemon", false, entryMessage{kind, bridge, unix.NUD_NOARP, unix.NTF_EXT_LEARNED, nil})
		entry(name+" lasting entry of a VXLAN", true, entryMessage{kind, bridge, unix.NUD_PERMANENT, unix.NTF_SELF, nil})
		entry(name+" learned entry of a VXLAN", false, entryMessage{kind, bridge, unix.NUD_REACHABLE, unix.NTF_SELF, nil})
	}
	for _, kind := range []uint16{unix.RTM_NEWLINK, unix.RTM_NEWADDR, unix.RTM_DELROUTE, unix.RTM_NEWRULE, unix.RTM_NEWNETCONF, set << 8} {
		entry(fmt.Sprintf("message of type %d", kind), true, entryMessage{kind, unix.AF_INET, unix.NUD_REACHABLE, unix.NTF_EXT_LEARNED, nil})
	}
	permanent := entryMessage{set, unix.AF_INET, unix.NUD_PERMANENT, 0, nil}
	learned := entryMessage{set, unix.AF_INET, unix.NUD_REACHABLE, 0, nil}
	cut := func(m entryMessage, length int) func(order byteOrder) []byte {
		return func(order byteOrder) []byte { return m.in(order)[:length] }
	}
	add("nothing but a length", false, cut(permanent, 4))
	add("half a type", false, cut(permanent, 5))
	add("a type alone", true, cut(entryMessage{kind: unix.RTM_NEWLINK}, 6))
	add("a header alone", false, cut(permanent, unix.SizeofNlMsghdr))
	add("cut off before the flags", false, cut(permanent, unix.SizeofNlMsghdr+10))
	add("cut off behind the flags", true, cut(permanent, unix.SizeofNlMsghdr+11))
	add("attributes cut off", false, func(order byteOrder) []byte {
		return append(learned.in(order), attribute(order, ndaProtocol)[:3]...)
	})
	add("an attribute longer than the message", false, func(order byteOrder) []byte {
		return append(learned.in(order), order.AppendUint16(order.AppendUint16(nil, 500), ndaProtocol)...)
	})
	add("several messages, the first of which passes", true, func(order byteOrder) []byte {
		return append(permanent.in(order), learned.in(order)...)
	})
	add("several messages, the first of which does not pass", false, func(order byteOrder) []byte {
		return append(learned.in(order), entryMessage{kind: unix.RTM_NEWLINK}.in(order)...)
	})
	return cases
}

// The program decides on each message in the same way on machines of either byte order.
func TestEntryFilter(t *testing.T) {
	for _, order := range orders {
		program := entryFilter(order).instructions()
		for _, c := range filterCases() {
			if kept := verdict(t, program, order, c.data(order)); kept != c.kept {
				t.Errorf("%s, %v: kept %v, want %v", c.name, order, kept, c.kept)
			}
		}
	}
}

// Both ways of each comparison are taken by some case: with the two swapped, a case has another verdict.
func TestEveryBranchOfTheEntryFilterCounts(t *testing.T) {
	for _, order := range orders {
		program := entryFilter(order).instructions()
		for i, instruction := range program {
			jump, is := instruction.(bpf.JumpIf)
			if !is {
				continue
			}
			swapped := append([]bpf.Instruction{}, program...)
			jump.SkipTrue, jump.SkipFalse = jump.SkipFalse, jump.SkipTrue
			swapped[i] = jump
			noticed := false
			for _, c := range filterCases() {
				noticed = noticed || verdict(t, swapped, order, c.data(order)) != c.kept
			}
			if !noticed {
				t.Errorf("%v: no case tells the two ways of instruction %d apart: %v", order, i, instruction)
			}
		}
	}
}

// The kernel comes to the same verdicts as Go's virtual machine, its own extension included. A socket that is not netlink's
// takes the filter as well.
func TestTheKernelRunsTheEntryFilter(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	if err := attachFilter(pair[1]); err != nil {
		t.Fatal(err)
	}
	order := nl.NativeEndian().(byteOrder)
	passes := func(message []byte) bool {
		if err := unix.Send(pair[0], message, 0); err != nil && err != unix.EPERM {
			t.Fatal(err)
		}
		// What has been sent has been filtered.
		n, err := unix.Read(pair[1], make([]byte, 1<<16))
		return err == nil && n == len(message)
	}
	for _, c := range filterCases() {
		if kept := passes(c.data(order)); kept != c.kept {
			t.Errorf("%s: kept %v, want %v", c.name, kept, c.kept)
		}
	}
	program := entryFilter(order).instructions()
	rapid.Check(t, func(rt *rapid.T) {
		m := entryMessage{
			kind:   rapid.SampledFrom([]uint16{unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH, unix.RTM_NEWLINK}).Draw(rt, "type"),
			family: rapid.SampledFrom([]uint8{unix.AF_INET, unix.AF_INET6, unix.AF_BRIDGE}).Draw(rt, "family"),
			state:  rapid.Uint16().Draw(rt, "state"),
			flags:  rapid.Uint8().Draw(rt, "flags"),
		}
		for _, kind := range rapid.SliceOfN(rapid.Uint16Range(0, 20), 0, 5).Draw(rt, "attributes") {
			m.attrs = append(m.attrs, attribute(order, kind)...)
		}
		message := m.in(order)
		message = message[:rapid.IntRange(1, len(message)).Draw(rt, "length")]
		if kernel, vm := passes(message), verdict(t, program, order, message); kernel != vm {
			rt.Fatalf("%x: the kernel %v, Go %v", message, kernel, vm)
		}
	})
}

func TestAJumpBackPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a jump that leads back is taken for one")
		}
	}()
	steps{{label: "back", do: bpf.RetConstant{}}, {test: bpf.JumpEqual, yes: "back"}}.instructions()
}
