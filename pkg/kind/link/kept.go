package link

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// kept is what an interface keeps wherever it is moved, and that no key of the files sets: it is put back as it was, because
// whoever is root where the interface was can have changed it. Without ARP the host does not reach its neighbours, and in
// linkd's birthGroup another network manager does not configure the interface.
type kept struct {
	Flags uint32 `json:"flags"`
	// Attrs are attributes of the kernel's (IFLA_*), by their number.
	Attrs map[uint16][]byte `json:"attrs,omitempty"`
	// XDP are the modes in which a program is attached to it (XDP_FLAGS_*), which sees, changes or drops what comes in. Whoever
	// has attached one knows which, so linkd only detaches what was not there.
	XDP uint32 `json:"xdp,omitempty"`
}

// keptFlags are the flags that can be set (__dev_change_flags in net/core/dev.c), without IFF_UP.
const keptFlags = unix.IFF_DEBUG | unix.IFF_NOTRAILERS | unix.IFF_NOARP | unix.IFF_DYNAMIC | unix.IFF_MULTICAST |
	unix.IFF_PORTSEL | unix.IFF_AUTOMEDIA | unix.IFF_PROMISC | unix.IFF_ALLMULTI

// Of linux/if_link.h, for golang.org/x/sys does not have the last ones.
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
	return k, err
}

// xdpModes are XDP_FLAGS_*_MODE, and IFLA_XDP_*_PROG_ID, which tells that a program is attached in that mode, in
// linux/if_link.h.
var xdpModes = []struct {
	flag      uint32
	programID uint16
}{{unix.XDP_FLAGS_SKB_MODE, 6}, {unix.XDP_FLAGS_DRV_MODE, 5}, {unix.XDP_FLAGS_HW_MODE, 7}}

// detachXDP detaches the program of a mode. The kernel refuses that while a process holds on to a BPF link (dev_xdp_attach
// in net/core/dev.c).
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

// restore changes back what differs, each with a request of its own: that one cannot be changed does not keep another from
// it. Before linkd knew these a snapshot had none.
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
	return errs
}
