package fdb

import (
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// newEntry returns an RTM_NEWNEIGH request (rtnetlink(7)). For a bridge, a static entry has the state NUD_NOARP; NUD_PERMANENT
// means an address of the bridge itself (fdb_add_entry in net/bridge/br_fdb.c).
func newEntry(e *Entry, index, flags int) *nl.NetlinkRequest {
	state := uint16(unix.NUD_NOARP | unix.NUD_REACHABLE)
	if e.Dst.IsValid() {
		state = unix.NUD_PERMANENT
	}
	return request(unix.RTM_NEWNEIGH, flags, e, index, state)
}

func delEntry(e *Entry, index int) *nl.NetlinkRequest {
	return request(unix.RTM_DELNEIGH, 0, e, index, 0)
}

func request(kind, flags int, e *Entry, index int, state uint16) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	head := &netlink.Ndmsg{Family: unix.AF_BRIDGE, Index: uint32(index), State: state, Flags: unix.NTF_MASTER}
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.NDA_LLADDR, e.hardware()))
	switch {
	case e.Dst.IsValid():
		head.Flags = unix.NTF_SELF
		req.AddData(nl.NewRtAttr(unix.NDA_DST, e.Dst.AsSlice()))
		if e.via != 0 {
			req.AddData(nl.NewRtAttr(unix.NDA_IFINDEX, nl.Uint32Attr(uint32(e.via))))
		}
	case e.VLAN != 0:
		req.AddData(nl.NewRtAttr(unix.NDA_VLAN, nl.Uint16Attr(uint16(e.VLAN))))
	}
	return req
}

// get returns the entry that the bridge of a port, with that index, has for a desired entry's MAC address; nil if that is a
// learned one.
func get(ns *observe.NS, want *Entry, index int) (*Entry, error) {
	msgs, err := ns.Request(request(unix.RTM_GETNEIGH, 0, want, index, 0), unix.RTM_NEWNEIGH)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		// EINVAL means that the interface is not a port of a bridge (rtnl_fdb_get in net/core/rtnetlink.c).
		return nil, nil
	case err != nil || len(msgs) == 0:
		return nil, err
	}
	e, at, err := parse(msgs[0])
	if e == nil || err != nil {
		return nil, err
	}
	e.NS, e.Dev, e.Port, e.index = want.NS, want.Dev, want.Dev, index
	if at != index {
		e.Port = nameNow(ns, at)
	}
	return e, nil
}

// nameNow returns a link's present name; "" if the link no longer exists.
func nameNow(ns *observe.NS, index int) string {
	links, err := ns.Some(map[int]bool{index: true}, nil)
	if err != nil {
		return ""
	}
	return links.NameOf(index)
}

// list returns the static entries: those of the device (by is NDA_IFINDEX) or of the bridge (NDA_MASTER) with that index, or all
// of them if by is 0.
func list(ns *observe.NS, by, index int, nameOf func(index int) string) (found []*Entry, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.AddData(&netlink.Ndmsg{Family: unix.AF_BRIDGE})
	if by != 0 {
		req.AddData(nl.NewRtAttr(by, nl.Uint32Attr(uint32(index))))
	}
	msgs, err := ns.Request(req, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, err
	}
	for _, msg := range msgs {
		e, at, err := parse(msg)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		// A device without a name was created after the links were listed. Its event follows.
		if name := nameOf(at); name != "" {
			e.NS, e.Dev, e.Port, e.index = ns.Name, name, name, at
			found = append(found, e)
		}
	}
	for _, e := range found {
		if e.via != 0 {
			e.Via = nameNow(ns, e.via)
		}
	}
	return found, nil
}

// The states of entries.
const (
	static = "static"
	// local: an address of the bridge itself, which receives the frames for it.
	local = "local"
	// itsOwnWay: an entry of a VXLAN with a port, a VNI or a device other than the VXLAN's.
	itsOwnWay = "static, with a port, VNI or device of its own"
)

// parse reads an RTM_NEWNEIGH message of a bridge or a VXLAN. It returns nil for a learned entry, and for an entry of another
// device, which is a filter for received frames. at is the index of the device.
func parse(msg []byte) (e *Entry, at int, err error) {
	m, err := observe.ParseEntry(msg)
	if err != nil || m.State&(unix.NUD_PERMANENT|unix.NUD_NOARP) == 0 {
		return nil, 0, err
	}
	e = &Entry{MAC: observe.HardwareAddr(m.Attr(unix.NDA_LLADDR)), State: static}
	if m.Flags&unix.NTF_SELF == 0 {
		e.VLAN = int(observe.Number(m.Attr(unix.NDA_VLAN)))
		if m.State&unix.NUD_PERMANENT != 0 {
			e.State = local
		}
		return e, m.Index, nil
	}
	dst, isVXLAN := netip.AddrFromSlice(m.Attr(unix.NDA_DST))
	if !isVXLAN {
		return nil, 0, nil
	}
	e.Dst = dst
	e.via = int(observe.Number(m.Attr(unix.NDA_IFINDEX)))
	// Each entry of a VXLAN that was created in another namespace names that one (vxlan_fdb_info in drivers/net/vxlan), where a
	// device of its own would be.
	elsewhere := m.Attr(unix.NDA_LINK_NETNSID) != nil && e.via != 0
	switch special := m.Attr(unix.NDA_PORT) != nil || m.Attr(unix.NDA_VNI) != nil || elsewhere; {
	case special && e.toSeveral():
		// The kernel can have both.
		return nil, 0, nil
	case special, e.via != 0 && !e.toSeveral():
		e.State, e.via = itsOwnWay, 0
	}
	return e, m.Index, nil
}
