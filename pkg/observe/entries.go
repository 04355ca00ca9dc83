package observe

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ndaProtocol is NDA_PROTOCOL of linux/neighbour.h, which golang.org/x/sys does not have.
const ndaProtocol = 12

// Entry is an entry of a neighbour table or of the forwarding database of a bridge or a VXLAN. The kernel uses one
// message for both (struct ndmsg in linux/neighbour.h).
type Entry struct {
	// Family is AF_INET, AF_INET6, or AF_BRIDGE for a forwarding database.
	Family uint8
	// Flags are NTF_*, State is NUD_*.
	Flags uint8
	State uint16
	// Index is the index of the device; in a bridge's forwarding database, that of the port.
	Index int

	attrs []byte
}

// ParseEntry parses an RTM_NEWNEIGH or RTM_DELNEIGH message without the netlink header.
func ParseEntry(msg []byte) (Entry, error) {
	if len(msg) < unix.SizeofNdMsg {
		return Entry{}, unix.EINVAL
	}
	native := nl.NativeEndian()
	return Entry{
		Family: msg[0], Index: int(int32(native.Uint32(msg[4:]))), State: native.Uint16(msg[8:]), Flags: msg[10],
		attrs: msg[unix.SizeofNdMsg:],
	}, nil
}

// Attr returns the value of an attribute (NDA_*), or nil. It does not build a map, because a table may have tens of
// thousands of entries, and one attribute of most of them is enough.
func (e *Entry) Attr(kind uint16) (value []byte) {
	_ = EachAttr(e.attrs, func(k uint16, v []byte) error {
		if k == kind {
			value = v
		}
		return nil
	})
	return value
}

// Proto returns the protocol number of the entry (NDA_PROTOCOL); 0 if it has none.
func (e *Entry) Proto() uint8 { return uint8(Number(e.Attr(ndaProtocol))) }

// ProtoAttr returns the attribute with a protocol number. A forwarding database does not store it.
func ProtoAttr(proto uint8) *nl.RtAttr { return nl.NewRtAttr(ndaProtocol, nl.Uint8Attr(proto)) }

// topicAndLinks returns the topic of an event about the entry, and its links. When a bridge moves an entry to another
// port, the event names only the new port, so it may concern any link.
func (e *Entry) topicAndLinks() (Topic, []int) {
	switch {
	case e.Family != unix.AF_BRIDGE:
		return NeighbourTopic, []int{e.Index}
	case e.Flags&unix.NTF_SELF != 0:
		return ForwardingTopic, []int{e.Index}
	}
	return ForwardingTopic, nil
}
