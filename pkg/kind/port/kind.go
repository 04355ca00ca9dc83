package port

import (
	"context"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Kind is the kind of ports.
var Kind = reconcile.Register[*Port](kindName, kind{}, reconcile.Capabilities[*Port]{
	Topics:    []observe.Topic{observe.LinkTopic},
	Link:      kind{}.OnLink,
	Settings:  kind{},
	Fill:      kind{}.Fill,
	Saving:    kind{},
	Ownership: reconcile.Ownership[*Port]{Adopts: kind{}.ComesWith},
	Show:      kind{}.Show,
	Contents:  contents,
	Carries:   (*Port).carries,
})

type kind struct{}

// Observe finds all interfaces as ports. It lists their VLANs only if there is a bridge with VLAN filtering. If it looks at a few
// links, it asks for the VLANs of each.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Port]) ([]*Port, error) {
	if query.Links != nil {
		return k.observeLinks(ns, query.Links)
	}
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	if ns.IsPartial() {
		return k.observeLinks(ns, links)
	}
	var all map[int]VLANs
	if slices.ContainsFunc(links.All, knowsVLANs) {
		if all, err = ReadVLANs(ns, 0); err != nil {
			return nil, err
		}
	}
	return read(ns, links, func(index int) (VLANs, error) { return all[index], nil })
}

func (kind) observeLinks(ns *observe.NS, links *observe.Links) ([]*Port, error) {
	return read(ns, links, func(index int) (VLANs, error) {
		one, err := ReadVLANs(ns, index)
		return one[index], err
	})
}

// OnLink returns the link that is the port.
func (kind) OnLink(p *Port) (name string, index int) { return p.Dev, p.found.index }

// knowsVLANs reports whether a link is a bridge of a kernel that has VLANs (CONFIG_BRIDGE_VLAN_FILTERING).
func knowsVLANs(l *observe.Link) bool {
	return l.Kind == bridge && l.Data[nl.IFLA_BR_VLAN_DEFAULT_PVID] != nil
}

func read(ns *observe.NS, links *observe.Links, vlans func(index int) (VLANs, error)) (ports []*Port, err error) {
	ports = make([]*Port, len(links.All))
	for i, l := range links.All {
		if ports[i], err = readPort(ns, l, links.ByIndex(l.Master), vlans); err != nil {
			return nil, err
		}
	}
	return ports, nil
}

var noMaster = ""

// readPort returns a link as a port of its master; master is nil if it has none.
func readPort(ns *observe.NS, l, master *observe.Link, vlans func(index int) (VLANs, error)) (*Port, error) {
	p := &Port{
		NS: ns.Name, Dev: l.Name, Master: &noMaster, Options: unmanaged,
		found: found{index: l.Index, bridge: l.Kind == bridge, state: forwarding},
	}
	if master != nil {
		p.Master, p.found.masterKind = &master.Name, l.PortKind
	}
	var err error
	if l.PortKind == bridge {
		if p.Options, p.found.state, err = readOptions(l.Port); err != nil {
			return nil, err
		}
	}
	of := master
	if p.found.bridge {
		of = l
	}
	if of == nil || !knowsVLANs(of) {
		return p, nil
	}
	p.found.pvid = uint16(observe.Number(of.Data[nl.IFLA_BR_VLAN_DEFAULT_PVID]))
	in, err := vlans(l.Index)
	p.VLANs = &in
	return p, err
}

// Owned returns false, because a membership has no mark. The journal says which ones linkd set.
func (kind) Owned(*Port) bool { return false }

func (kind) Diff(want, have *Port) []reconcile.Field {
	var fs reconcile.Fields
	reconcile.Compare(&fs, "master", want.Master, have.master())
	if want.Master != nil && *want.Master == "" && !have.found.bridge {
		// Options and VLANs end with the membership.
		return fs
	}
	want.Options.diff(&fs, have.Options)
	if want.VLANs != nil {
		var there VLANs
		if have.VLANs != nil {
			there = *have.VLANs
		}
		if !slices.Equal(*want.VLANs, there) {
			fs.Differ("vlans", there.String(), want.VLANs.String())
		}
	}
	return fs
}

// ComesWith reports whether a file asks to take over the port with its link.
func (kind) ComesWith(want, _ *Port) bool { return want.Adopt }

// Create configures the port of an interface that the same plan created.
func (kind) Create(_ context.Context, ns *observe.NS, want *Port) error {
	return update(ns, want, &Port{}, true)
}

// Update sets the master, the options and the VLANs. The kernel takes a master and the options in one request only from a port that
// has a master already (rtnl_changelink in net/core/rtnetlink.c asks the old master). So a port that joins a bridge has the bridge's
// defaults until the second request.
func (kind) Update(_ context.Context, ns *observe.NS, want, have *Port) error {
	return update(ns, want, have, false)
}

// update does the same. Fresh: linkd has just created the interface, so it has no master and nothing of others.
func update(ns *observe.NS, want, have *Port, fresh bool) error {
	if want.Master != nil && (have.Master == nil || *want.Master != *have.Master) {
		if err := join(ns, want, fresh); err != nil {
			return err
		}
	}
	if !want.onBridge() {
		return nil
	}
	l, err := ns.LinkByName(want.Dev)
	if err != nil {
		return err
	}
	switch names := want.Options.names(); {
	case l.Kind == bridge && len(names) > 0:
		return fmt.Errorf("%s is a bridge, and a bridge itself has only vlans: declare %s at its ports", want.Dev, names[0])
	case l.Kind == bridge:
	case l.Master == 0 && want.former:
		return nil
	case l.Master == 0:
		return observe.Pendingf("%s is not a port of a bridge", want.Dev)
	case l.PortKind != bridge:
		return notABridge(want.Dev, "a port of a "+l.PortKind)
	}
	if err := writeOptions(ns, l.Index, want.Options); err != nil {
		return err
	}
	if want.VLANs == nil {
		return nil
	}
	return writeVLANs(ns, l.Index, *want.VLANs)
}

func notABridge(dev, what string) error {
	return fmt.Errorf("only the ports of a bridge have options and VLANs, and %s is %s", dev, what)
}

// Delete does nothing, because a port is restored and not deleted.
func (kind) Delete(context.Context, *observe.NS, *Port) error { return nil }
