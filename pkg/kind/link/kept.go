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
}

// keptFlags are the flags that can be set (__dev_change_flags in net/core/dev.c), without IFF_UP.
const keptFlags = unix.IFF_DEBUG | unix.IFF_NOTRAILERS | unix.IFF_NOARP | unix.IFF_DYNAMIC | unix.IFF_MULTICAST | unix.IFF_PORTSEL | unix.IFF_AUTOMEDIA |
	unix.IFF_PROMISC | unix.IFF_ALLMULTI

// Of linux/if_link.h, for golang.org/x/sys does not have the last ones.
var keptAttrs = []uint16{
	unix.IFLA_GROUP, unix.IFLA_LINKMODE, unix.IFLA_GSO_MAX_SEGS, unix.IFLA_GSO_MAX_SIZE,
	58, // IFLA_GRO_MAX_SIZE
	63, // IFLA_GSO_IPV4_MAX_SIZE
	64, // IFLA_GRO_IPV4_MAX_SIZE
}

func keptOf(ns *observe.NS, index int) (*kept, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	req.AddData(header(index, nil))
	msgs, err := ns.Request(req, unix.RTM_NEWLINK)
	if err == nil && len(msgs) == 0 {
		err = unix.ENODEV
	}
	if err != nil {
		return nil, fmt.Errorf("%s: look up interface %d: %w", ns.Name, index, err)
	}
	info := nl.DeserializeIfInfomsg(msgs[0])
	attrs, err := observe.Attrs(msgs[0][info.Len():])
	if err != nil {
		return nil, err
	}
	k := &kept{Flags: info.Flags & keptFlags, Attrs: map[uint16][]byte{}}
	for _, kind := range keptAttrs {
		if value, told := attrs[kind]; told {
			k.Attrs[kind] = value
		}
	}
	return k, nil
}

// restore changes back what differs, each with a request of its own: that one cannot be changed does not keep another from
// it. Before linkd knew of these a record had none.
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
	return errs
}
