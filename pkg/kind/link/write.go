package link

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Create creates the interface, or both ends of a pair, with one request, and marks it with a second one: the kernel accepts no
// alias at creation. For the second end of a pair, which the first request has created, it only sets the end up: the end could not
// be up before the other one existed (veth_open in drivers/net/veth.c).
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Link) error {
	if want.Second {
		switch l, err := ns.LinkByName(want.Name); {
		case err != nil:
			return err
		case l.Name != want.Name || l.Kind != want.Type:
			// Requests match alternative names, too.
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
		// linkd can create it down, and the kernel sets it up together with its parent (vlan_device_event in net/8021q/vlan.c).
		err = k.addMarked(ns, down)
	}
	if errors.Is(err, unix.EEXIST) {
		made, lookErr := madeBefore(ns, want)
		if made || lookErr != nil {
			err = lookErr
		}
	}
	if errors.Is(err, unix.EEXIST) && want.Peer != nil {
		// An interface that linkd created for an earlier form of this pair still has the name of the other end.
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

// addMarked creates the interface and marks it. An end of a pair is down until it has the mark, because the kernel goes through all
// IPv6 routes of the namespace when an interface that is up gets an alias (rt6_sync_down_dev in addrconf_notify, net/ipv6/addrconf.c).
// Other types are created up: the kernel may refuse to set them up, and then creates none.
func (k kind) addMarked(ns *observe.NS, want *Link) error {
	if err := k.add(ns, want); err != nil {
		return err
	}
	if want.bornElsewhere() {
		return nameAndMark(ns, want)
	}
	// The kernel finds it by its name: another interface could have an index that linkd looked up.
	err := set(ns, 0, nil, named(want.Name), want.mark())
	if up := want.birthUp(); err == nil && want.Peer != nil && up != nil && *up {
		err = set(ns, 0, up, named(want.Name))
	}
	return err
}

func named(name string) *nl.RtAttr {
	return nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name))
}

func (l *Link) mark() *nl.RtAttr {
	return nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(l.markText()))
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
	if t.Make != nil {
		if err := t.Make(ns, want); err != nil {
			return err
		}
		return set(ns, 0, made.Up, append(made.attrs(), named(want.Name), inBirthGroup())...)
	}
	if made.bornElsewhere() || made.Peer != nil {
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
	}
	at, err := t.inBirthplace(req, ns, there)
	if err != nil {
		return err
	}
	for _, a := range append(made.attrs(), made.Queues.attrs()...) {
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
	return at.Change(req)
}

// attrs returns the managed attributes, for creation and for changes.
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

// set changes an interface with one request. Like ip-link(8), it sends RTM_NEWLINK without NLM_F_CREATE, which accepts the options
// of a type; RTM_SETLINK does not.
func set(ns *observe.NS, index int, up *bool, attrs ...*nl.RtAttr) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, 0)
	req.AddData(header(index, up))
	for _, a := range attrs {
		req.AddData(a)
	}
	return ns.Change(req)
}

// header returns the header of a request: the interface's index, and whether to set it up or down; nil for neither.
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
	if _, fetched := want.FetchedFrom(); fetched {
		return fetch(ns, want, have)
	}
	index, err := ns.Index(want.Name)
	if err != nil {
		return err
	}
	changes := *want
	if want.MAC != nil && *want.MAC == have.found.link.MAC {
		// Setting even the current address makes the kernel flush the neighbours (arp_netdev_event in net/ipv4/arp.c).
		changes.MAC = nil
	}
	attrs := changes.attrs()
	if want.Type != existing {
		attrs = append(attrs, want.mark())
	}
	// A vxlan accepts no MTU together with options (vxlan_nl2conf in drivers/net/vxlan/vxlan_core.c), so linkd sends the options in
	// a request of their own.
	first, rest := changed(want.Options, have.found.link.Data)
	var change func(ns *observe.NS, want, have *Link) error
	switch t := typeNamed(want.Type); {
	case len(rest) == 0:
	case t.Change != nil:
		change, rest = t.Change, nil
	case t.ChangesWhole:
		rest = wholeChange(want.Options, have.found.link.Data)
	}
	for _, data := range [][]*nl.RtAttr{first, rest} {
		if len(data) == 0 {
			continue
		}
		if err := set(ns, index, nil, typeNamed(want.Type).info(data)); err != nil {
			return err
		}
	}
	up := want.Up
	if l := have.found.link; l.Up() && want.MTU != nil && *want.MTU != l.MTU && typeNamed(want.Type) != nil && typeNamed(want.Type).MTUWhenDown {
		down, again := false, spec.ValueOr(up, true)
		if err := set(ns, index, &down); err != nil {
			return err
		}
		up = &again
	}
	err = set(ns, index, up, attrs...)
	if want.onDownParent(err) != nil {
		return want.parentIsDown()
	}
	if err == nil && change != nil {
		err = change(ns, want, have)
	}
	return err
}

// Delete deletes the interface that was observed. Another one may have its name by now.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Link) error {
	if _, fetched := have.FetchedFrom(); fetched {
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
