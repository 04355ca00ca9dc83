package link

import (
	"bytes"
	"errors"
	"fmt"
	"maps"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// kept has the attributes that an interface keeps when it moves, and that no key of the files sets. linkd restores them when it
// puts the interface back, because root in the namespace where the interface was can have changed them: without ARP the host does
// not reach its neighbours, and in linkd's birthGroup another network manager does not configure the interface.
type kept struct {
	Flags uint32 `json:"flags"`
	// Attrs has the kernel's attributes (IFLA_*) by number.
	Attrs map[uint16][]byte `json:"attrs,omitempty"`
	// XDP has the modes in which a program is attached (XDP_FLAGS_*). Such a program sees, changes or drops incoming packets. linkd
	// does not know how to attach a program again, so it only detaches programs that were not attached before.
	XDP uint32 `json:"xdp,omitempty"`
	// Offloads has the offloads that the driver can change, by the kernel's names.
	Offloads map[string]bool `json:"offloads,omitempty"`
}

// keptFlags are the flags that a program can set (__dev_change_flags in net/core/dev.c), without IFF_UP.
const keptFlags = unix.IFF_DEBUG | unix.IFF_NOTRAILERS | unix.IFF_NOARP | unix.IFF_DYNAMIC | unix.IFF_MULTICAST |
	unix.IFF_PORTSEL | unix.IFF_AUTOMEDIA | unix.IFF_PROMISC | unix.IFF_ALLMULTI

// The numbers are those of linux/if_link.h: golang.org/x/sys does not have the last ones.
var keptAttrs = []uint16{
	unix.IFLA_GROUP, unix.IFLA_LINKMODE, unix.IFLA_GSO_MAX_SEGS, unix.IFLA_GSO_MAX_SIZE,
	58, // IFLA_GRO_MAX_SIZE
	63, // IFLA_GSO_IPV4_MAX_SIZE
	64, // IFLA_GRO_IPV4_MAX_SIZE
}

func keptOf(ns *observe.NS, index int) (*kept, error) {
	msg, err := ns.LinkMessage(index)
	if err != nil {
		return nil, fmt.Errorf("%s: look up interface %d: %w", ns.Name, index, err)
	}
	info := nl.DeserializeIfInfomsg(msg)
	attrs, err := observe.Attrs(msg[info.Len():])
	if err != nil {
		return nil, err
	}
	k := &kept{Flags: info.Flags & keptFlags, Attrs: map[uint16][]byte{}}
	for _, kind := range keptAttrs {
		if value, told := attrs[kind]; told {
			k.Attrs[kind] = value
		}
	}
	in, err := observe.Attrs(attrs[unix.IFLA_XDP])
	for _, mode := range xdpModes {
		if in[mode.programID] != nil {
			k.XDP |= mode.flag
		}
	}
	if err != nil {
		return nil, err
	}
	offloads, err := ns.Offloads(nl.BytesToString(attrs[unix.IFLA_IFNAME]))
	for name, o := range offloads {
		if !o.Fixed {
			if k.Offloads == nil {
				k.Offloads = map[string]bool{}
			}
			k.Offloads[name] = o.Wanted
		}
	}
	return k, err
}

// xdpModes has XDP_FLAGS_*_MODE and IFLA_XDP_*_PROG_ID in linux/if_link.h. The latter attribute is there if a program is attached
// in that mode.
var xdpModes = []struct {
	flag      uint32
	programID uint16
}{{unix.XDP_FLAGS_SKB_MODE, 6}, {unix.XDP_FLAGS_DRV_MODE, 5}, {unix.XDP_FLAGS_HW_MODE, 7}}

// detachXDP detaches the program of a mode. The kernel refuses while a process holds a BPF link to it (dev_xdp_attach in
// net/core/dev.c).
func detachXDP(ns *observe.NS, index int, flag uint32) error {
	const noProgram = ^uint32(0)
	xdp := nl.NewRtAttr(unix.IFLA_XDP|unix.NLA_F_NESTED, nil)
	xdp.AddRtAttr(nl.IFLA_XDP_FD, nl.Uint32Attr(noProgram))
	xdp.AddRtAttr(nl.IFLA_XDP_FLAGS, nl.Uint32Attr(flag))
	if err := set(ns, index, nil, xdp); err != nil {
		return fmt.Errorf("detach its XDP program: %w", err)
	}
	return nil
}

// restore changes what differs, each with its own request, so that a failure does not affect the others. Snapshots of earlier
// versions of linkd have none (nil).
func (k *kept) restore(ns *observe.NS, index int) error {
	if k == nil {
		return nil
	}
	now, err := keptOf(ns, index)
	if err != nil {
		return err
	}
	var errs error
	if now.Flags != k.Flags {
		req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
		msg := header(index, nil)
		msg.Flags, msg.Change = k.Flags, keptFlags
		req.AddData(msg)
		errs = errors.Join(errs, ns.Change(req))
	}
	for _, kind := range keptAttrs {
		if value := k.Attrs[kind]; value != nil && !bytes.Equal(now.Attrs[kind], value) {
			errs = errors.Join(errs, set(ns, index, nil, nl.NewRtAttr(int(kind), value)))
		}
	}
	for _, mode := range xdpModes {
		if now.XDP&^k.XDP&mode.flag != 0 {
			errs = errors.Join(errs, detachXDP(ns, index, mode.flag))
		}
	}
	if k.Offloads != nil && !maps.Equal(now.Offloads, k.Offloads) {
		name, err := nameOf(ns, index)
		if err == nil {
			err = ns.SetOffloads(name, k.Offloads)
		}
		errs = errors.Join(errs, err)
	}
	return errs
}
