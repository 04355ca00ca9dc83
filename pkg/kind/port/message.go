package port

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// enslave names the interface in the request, because its index may change between a lookup and the request.
func enslave(ns *observe.NS, dev string, master int) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(dev)))
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(master))))
	return ns.Change(req)
}

// setUp sets an interface up or down.
func setUp(ns *observe.NS, dev string, up bool) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Change = unix.IFF_UP
	if up {
		msg.Flags = unix.IFF_UP
	}
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(dev)))
	return ns.Change(req)
}

// writeOptions uses the address family AF_BRIDGE: there the kernel refuses a master that is not a bridge (rtnl_bridge_setlink in
// net/core/rtnetlink.c). With AF_UNSPEC, another kind of master would take the attributes for its own, which have the same numbers.
func writeOptions(ns *observe.NS, index int, o Options) error {
	attrs := o.data()
	if len(attrs) == 0 {
		return nil
	}
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(index)
	req.AddData(msg)
	box := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	for _, a := range attrs {
		box.AddChild(a)
	}
	req.AddData(box)
	return ns.Change(req)
}

// The messages about VLANs of a bridge and its ports (linux/if_bridge.h).
const (
	sizeofVLANMsg = 8 // struct br_vlan_msg
	vlanEntry     = 1 // BRIDGE_VLANDB_ENTRY
	entryInfo     = 1 // BRIDGE_VLANDB_ENTRY_INFO, struct bridge_vlan_info
	entryRange    = 2 // BRIDGE_VLANDB_ENTRY_RANGE
)

// vlanMsg is the header of a message about the VLANs of an interface, by its index.
type vlanMsg uint32

func (vlanMsg) Len() int { return sizeofVLANMsg }

func (index vlanMsg) Serialize() []byte {
	msg := make([]byte, sizeofVLANMsg)
	msg[0] = unix.AF_BRIDGE
	nl.NativeEndian().PutUint32(msg[4:], uint32(index))
	return msg
}

// ReadVLANs returns the VLANs of one bridge or port by its index, or of all if index is 0. An interface that no longer exists or is
// no longer a port has none. The result is empty on a kernel without VLAN filtering, and on one older than 5.6.
func ReadVLANs(ns *observe.NS, index int) (map[int]VLANs, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETVLAN, unix.NLM_F_DUMP)
	req.AddData(vlanMsg(index))
	msgs, err := ns.Request(req, unix.RTM_NEWVLAN)
	gone := index != 0 && (errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL))
	if err != nil && !gone && !errors.Is(err, unix.EOPNOTSUPP) {
		return nil, fmt.Errorf("list VLANs: %w", err)
	}
	ranges := map[int][]VLAN{}
	for _, msg := range msgs {
		of := int(nl.NativeEndian().Uint32(msg[4:]))
		err := observe.EachAttr(msg[sizeofVLANMsg:], func(kind uint16, value []byte) error {
			if kind != vlanEntry {
				return nil
			}
			v, err := readVLAN(value)
			ranges[of] = append(ranges[of], v)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	all := make(map[int]VLANs, len(ranges))
	for of, found := range ranges {
		all[of] = newVLANs(found)
	}
	return all, nil
}

func readVLAN(entry []byte) (v VLAN, err error) {
	native := nl.NativeEndian()
	return v, observe.EachAttr(entry, func(kind uint16, value []byte) error {
		switch {
		case kind == entryInfo && len(value) >= 4:
			flags := native.Uint16(value)
			v.First = native.Uint16(value[2:])
			v.Last = max(v.Last, v.First)
			v.PVID, v.Untagged = flags&nl.BRIDGE_VLAN_INFO_PVID != 0, flags&nl.BRIDGE_VLAN_INFO_UNTAGGED != 0
		case kind == entryRange && len(value) >= 2:
			v.Last = native.Uint16(value)
		}
		return nil
	})
}

// writeVLANs sets the VLANs of a bridge or port. It adds new VLANs before it deletes old ones, so that it does not interrupt traffic
// that both the old and the new VLANs let through.
func writeVLANs(ns *observe.NS, index int, want VLANs) error {
	have, err := ReadVLANs(ns, index)
	if err != nil {
		return err
	}
	add, del := want.change(have[index])
	err = changeVLANs(ns, unix.RTM_NEWVLAN, index, add)
	if err == nil {
		err = changeVLANs(ns, unix.RTM_DELVLAN, index, del)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: the bridges of this kernel know no VLANs (CONFIG_BRIDGE_VLAN_FILTERING)", err)
	}
	return err
}

func changeVLANs(ns *observe.NS, request, index int, vlans VLANs) error {
	if len(vlans) == 0 {
		return nil
	}
	req := nl.NewNetlinkRequest(request, 0)
	req.AddData(vlanMsg(index))
	for _, v := range vlans {
		flags := uint16(0)
		if v.PVID {
			flags |= nl.BRIDGE_VLAN_INFO_PVID
		}
		if v.Untagged {
			flags |= nl.BRIDGE_VLAN_INFO_UNTAGGED
		}
		if request == unix.RTM_DELVLAN {
			flags = 0
		}
		info := make([]byte, 4)
		nl.NativeEndian().PutUint16(info, flags)
		nl.NativeEndian().PutUint16(info[2:], v.First)
		entry := nl.NewRtAttr(vlanEntry|unix.NLA_F_NESTED, nil)
		entry.AddRtAttr(entryInfo, info)
		if v.Last != v.First {
			entry.AddRtAttr(entryRange, nl.Uint16Attr(v.Last))
		}
		req.AddData(entry)
	}
	return ns.Change(req)
}
