package link

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Create makes the interface, or both ends of a pair, with one request, and marks it with a second: the kernel takes
// no alias at creation. The second end of a pair has come into being with the first; it could not be up before that
// was there (veth_open in drivers/net/veth.c).
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Link) error {
	if want.Second {
		switch l, err := ns.LinkByName(want.Name); {
		case err != nil:
			return err
		case l.Name != want.Name || l.Kind != want.Type:
			// Requests take alternative names, too.
			return fmt.Errorf("%s: %s is another name of %s, which is a %s: %w", ns.Name, want.Name, l.Name, l.Kind, unix.EEXIST)
		}
		return set(ns, 0, want.birthUp(), named(want.Name), want.mark())
	}
	err := k.addMarked(ns, want)
	if other := want.withAnyMAC(err); other != nil {
		err = k.addMarked(ns, other)
	}
	down := want.onDownParent(err)
	if down != nil {
		// Down it can be made, and the kernel brings it up with its parent (vlan_device_event in net/8021q/vlan.c).
		err = k.addMarked(ns, down)
	}
	if errors.Is(err, unix.EEXIST) {
		made, lookErr := madeBefore(ns, want)
		if made || lookErr != nil {
			err = lookErr
		}
	}
	if errors.Is(err, unix.EEXIST) && want.Peer != nil {
		// The name of the other end is still held by what linkd made for an earlier form of this pair.
		switch stale, staleErr := removeStale(ctx, ns, want.Peer); {
		case staleErr != nil:
			return fmt.Errorf("%w: %w", err, staleErr)
		case !stale:
			return err
		}
		err = k.addMarked(ns, want)
	}
	if err == nil && down != nil {
		err = want.parentIsDown()
	}
	return err
}

// addMarked makes the interface and marks it.
func (k kind) addMarked(ns *observe.NS, want *Link) error {
	if err := k.add(ns, want); err != nil {
		return err
	}
	if want.bornElsewhere() {
		return nameAndMark(ns, want)
	}
	// The kernel finds it by its name: an index that was looked up could be another's by now.
	return set(ns, 0, nil, named(want.Name), want.mark())
}

func named(name string) *nl.RtAttr {
	return nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name))
}

func (l *Link) mark() *nl.RtAttr {
	return nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(markPrefix+l.Cable))
}

func (k kind) add(ns *observe.NS, want *Link) error {
	there, parent, err := want.onParent(ns)
	if err != nil {
		return err
	}
	made, t := *want, typeNamed(want.Type)
	made.Up = want.birthUp()
	if t.OwnMAC {
		if made.MAC, err = want.bornMAC(ns); err != nil {
			return err
		}
	}
	if made.bornElsewhere() {
		made.Up = nil
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	req.AddData(header(0, made.Up))
	req.AddData(named(made.birthName()))
	req.AddData(inBirthGroup())
	data := given(want.Options)
	if parent != 0 {
		index := nl.Uint32Attr(uint32(parent))
		if t.ParentAttr != 0 {
			data = append(data, nl.NewRtAttr(t.ParentAttr, index))
		} else {
			req.AddData(nl.NewRtAttr(unix.IFLA_LINK, index))
		}
		req.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(ns.FD()))))
	}
	for _, a := range made.attrs() {
		req.AddData(a)
	}
	if t.Attach != nil {
		attached, err := t.Attach(ns, want)
		if err != nil {
			return err
		}
		data = append(data, attached...)
	}
	req.AddData(t.info(data))
	return there.Change(req)
}

// attrs are the managed attributes, as the kernel takes them at creation and later.
func (l *Link) attrs() (attrs []*nl.RtAttr) {
	if l.MAC != nil {
		if mac, err := net.ParseMAC(*l.MAC); err == nil {
			attrs = append(attrs, nl.NewRtAttr(unix.IFLA_ADDRESS, mac))
		}
	}
	if l.MTU != nil {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(*l.MTU))))
	}
	if l.TxQueueLen != nil {
		attrs = append(attrs, nl.NewRtAttr(unix.IFLA_TXQLEN, nl.Uint32Attr(uint32(*l.TxQueueLen))))
	}
	return attrs
}

// set changes an interface with one request. RTM_NEWLINK without NLM_F_CREATE is what ip-link(8) sends, too: unlike
// RTM_SETLINK it takes a kind's own options.
func set(ns *observe.NS, index int, up *bool, attrs ...*nl.RtAttr) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
	req.AddData(header(index, up))
	for _, a := range attrs {
		req.AddData(a)
	}
	return ns.Change(req)
}

// header says which interface, and whether it is to be up.
func header(index int, up *bool) *nl.IfInfomsg {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	if up != nil {
		msg.Change = unix.IFF_UP
		if *up {
			msg.Flags = unix.IFF_UP
		}
	}
	return msg
}

func (kind) Update(_ context.Context, ns *observe.NS, want, have *Link) error {
	if _, fetched := want.Home(); fetched {
		return fetch(ns, want, have)
	}
	index, err := ns.Index(want.Name)
	if err != nil {
		return err
	}
	told := *want
	if want.MAC != nil && *want.MAC == have.found.link.MAC {
		// Even the same address makes the kernel forget the neighbours (arp_netdev_event in net/ipv4/arp.c).
		told.MAC = nil
	}
	attrs := told.attrs()
	if want.Type != existing {
		attrs = append(attrs, want.mark())
	}
	// A vxlan takes no MTU beside them (vxlan_nl2conf in drivers/net/vxlan/vxlan_core.c), so they go by themselves.
	first, rest := changed(want.Options, have.found.link.Data)
	for _, data := range [][]*nl.RtAttr{first, rest} {
		if len(data) == 0 {
			continue
		}
		if err := set(ns, index, nil, typeNamed(want.Type).info(data)); err != nil {
			return err
		}
	}
	err = set(ns, index, want.Up, attrs...)
	if want.onDownParent(err) != nil {
		return want.parentIsDown()
	}
	return err
}

// Delete deletes the very interface that was found: its name may have come to mean another since.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Link) error {
	if _, fetched := have.Home(); fetched {
		return fmt.Errorf("%s is not linkd's own", have.Name)
	}
	now, err := ns.LinkByName(have.Name)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	if now.Index != have.found.link.Index {
		return nil
	}
	return deleteIndex(ns, now.Index)
}

func deleteIndex(ns *observe.NS, index int) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	if err := ns.Change(req); !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}
