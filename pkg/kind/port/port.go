// Package port is membership: which interface has which master.
package port

import (
	"context"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is memberships.
var Kind = reconcile.Register[*Port]("port", kind{}, observe.LinkTopic)

// Key is what an end says of its membership.
func Key() spec.Key {
	return spec.NewKey("master", "the interface that this one is a port of: a bridge, or another master device, in the same namespace", func(c *spec.Context, master spec.IfName) {
		c.Add(&Port{NS: c.NS, Dev: c.Device, Master: string(master), Adopt: c.Adopt, Source: c.Source()})
	})
}

// Port is an interface as a port of its master; Master is "" where it has none.
type Port struct {
	NS, Dev, Master string
	// Adopt: the interface was taken over, and its membership with it.
	Adopt  bool
	Source spec.Source

	former bool // it is put back

	index int // of one that was found
}

// ID implements spec.Resource.
func (p *Port) ID() spec.ID { return spec.ID{NS: p.NS, Kind: "port", Key: p.Dev} }

// Needs implements spec.Resource.
func (p *Port) Needs() []spec.ID {
	if p.Master == "" {
		return []spec.ID{spec.LinkID(p.NS, p.Dev)}
	}
	return []spec.ID{spec.LinkID(p.NS, p.Dev), p.MasterID()}
}

// Within implements spec.Nested: a master may be a port itself, but not, by whatever way, of its own port.
func (p *Port) Within() []spec.ID { return []spec.ID{{NS: p.NS, Kind: "port", Key: p.Master}} }

// Origin implements spec.Resource.
func (p *Port) Origin() spec.Source { return p.Source }

// MasterID is the link that the port belongs to.
func (p *Port) MasterID() spec.ID { return spec.LinkID(p.NS, p.Master) }

type kind struct{}

func (k kind) Observe(ctx context.Context, ns *observe.NS) ([]*Port, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	return k.ObserveLinks(ctx, ns, links)
}

// ObserveLinks implements reconcile.Narrow.
func (kind) ObserveLinks(_ context.Context, ns *observe.NS, links *observe.Links) ([]*Port, error) {
	ports := make([]*Port, len(links.All))
	for i, l := range links.All {
		ports[i] = &Port{NS: ns.Name, Dev: l.Name, Master: links.NameOf(l.Master), index: l.Index}
	}
	return ports, nil
}

// OnLink implements reconcile.Narrow.
func (kind) OnLink(p *Port) (name string, index int) { return p.Dev, p.index }

// Owned: a membership carries no mark; the journal knows which ones linkd set.
func (kind) Owned(*Port) bool { return false }

func (kind) Diff(want, have *Port) []reconcile.Field {
	var fs reconcile.Fields
	reconcile.Compare(&fs, "master", &want.Master, have.Master)
	return fs
}

// ComesWith implements reconcile.Fixture.
func (kind) ComesWith(want, _ *Port) bool { return want.Adopt }

// Before implements reconcile.Setting.
func (kind) Before(_, have *Port) (string, bool) {
	if have == nil {
		return "", true
	}
	return have.Master, true
}

// Prior implements reconcile.Setting.
func (kind) Prior(have *Port, before string) *Port {
	return &Port{NS: have.NS, Dev: have.Dev, Master: before, former: true}
}

// Create sets the membership of an interface that came to be in the same plan.
func (kind) Create(_ context.Context, ns *observe.NS, want *Port) error {
	master := 0
	if want.Master != "" {
		var err error
		if master, err = ns.Index(want.Master); errors.Is(err, unix.ENODEV) && want.former {
			// Its ports were let go when it went, and this one would have been.
			master = 0
		} else if errors.Is(err, unix.ENODEV) {
			return observe.Pendingf("there is no %s in %s", want.Master, ns.Name)
		} else if err != nil {
			return err
		}
	}
	err := enslave(ns, want.Dev, master)
	if errors.Is(err, unix.EINVAL) && master != 0 {
		// Also what the kernel says of a master that is not there (do_set_master in net/core/rtnetlink.c): another one
		// may have its name by now.
		if now, lookErr := ns.Index(want.Master); lookErr == nil && now != master {
			return enslave(ns, want.Dev, now)
		}
	}
	return err
}

// enslave lets the kernel find the interface by its name, so no other index can come between.
func enslave(ns *observe.NS, dev string, master int) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(dev)))
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(master))))
	return ns.Change(req)
}

func (k kind) Update(ctx context.Context, ns *observe.NS, want, _ *Port) error {
	return k.Create(ctx, ns, want)
}

// Delete has nothing to do: a membership is put back, not deleted.
func (kind) Delete(context.Context, *observe.NS, *Port) error { return nil }
