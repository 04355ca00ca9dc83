package observe

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Of linux/neighbour.h, for golang.org/x/sys does not have it.
const ndaProtocol = 12

// Entry is one of a neighbour table, or of the forwarding database of a bridge or a VXLAN: the kernel speaks of both in
// one message (struct ndmsg in linux/neighbour.h).
type Entry struct {
	// Family is AF_INET, AF_INET6, or AF_BRIDGE of a forwarding database.
	Family uint8
	// Flags are NTF_*, State is NUD_*.
	Flags uint8
	State uint16
	// Index is the device's; in a bridge's forwarding database, the port's.
	Index int

	attrs []byte
}

// ParseEntry reads an RTM_NEWNEIGH or RTM_DELNEIGH message, without the netlink header.
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

// Attr is the value of an attribute (NDA_*), nil where there is none. A table may have tens of thousands of entries, of
// which most are looked at for one attribute, so they are not read into a map.
func (e *Entry) Attr(kind uint16) (value []byte) {
	_ = EachAttr(e.attrs, func(k uint16, v []byte) error {
		if k == kind {
			value = v
		}
		return nil
	})
	return value
}

// Proto is who made the entry (NDA_PROTOCOL); 0 where nobody says.
func (e *Entry) Proto() uint8 { return uint8(Number(e.Attr(ndaProtocol))) }

// ProtoAttr is the attribute that says who makes an entry. A forwarding database does not keep it.
func ProtoAttr(proto uint8) *nl.RtAttr { return nl.NewRtAttr(ndaProtocol, nl.Uint8Attr(proto)) }

// news is about the link of the entry. A bridge moves an entry from one port to another and names the new one only, so
// what it has to say may be about any.
func (e *Entry) news() (Topic, []int) {
	switch {
	case e.Family != unix.AF_BRIDGE:
		return NeighbourTopic, []int{e.Index}
	case e.Flags&unix.NTF_SELF != 0:
		return ForwardingTopic, []int{e.Index}
	}
	return ForwardingTopic, nil
}
