package fdb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Kind is the static entries of forwarding databases. They go with their port, and not every change of them is told from
// what a bridge learns.
var Kind = reconcile.Register[*Entry](kindName, kind{}, reconcile.Capabilities[*Entry]{
	Topics: []observe.Topic{observe.ForwardingTopic, observe.LinkTopic},
	Silent: reconcile.Always[*Entry],
	FromID: kind{}.FromID,
	Link:   kind{}.OnLink,
	Ownership: reconcile.Ownership[*Entry]{
		Noun: func(*Entry) string { return "forwarding entry" },
		// Nothing tells linkd's entry from the same one made by another.
		Fingerprint: func(*Entry) string { return "" },
		Adopts:      kind{}.ComesWith,
	},
	Show: kind{}.Show,
})

type kind struct{}

// Observe finds what is wanted, or what somebody made.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Entry]) ([]*Entry, error) {
	if query.Purpose == reconcile.ToCompare {
		return k.observeWanted(ns, query.Wanted)
	}
	return k.observeMade(ctx, ns)
}

// observeMade finds what somebody made: of what the bridges have learnt there can be very much.
func (kind) observeMade(ctx context.Context, ns *observe.NS) ([]*Entry, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list(ns, 0, 0, links.NameOf)
	if err != nil {
		return nil, err
	}
	// On a kernel that knows of VLANs, an entry without one comes with an entry for each of the port's.
	type place struct{ dev, mac string }
	everyVLAN := map[place]bool{}
	for _, e := range all {
		if e.VLAN == 0 && !e.Dst.IsValid() && e.State == static {
			everyVLAN[place{e.Dev, e.MAC}] = true
		}
	}
	return slices.DeleteFunc(all, func(e *Entry) bool { return e.VLAN != 0 && everyVLAN[place{e.Dev, e.MAC}] }), nil
}

// observeWanted looks for some entries. A bridge is asked for each MAC address, which costs it the same however
// many it knows; to list those of a port it goes through all of them. A VXLAN tells only one of the hosts of an address
// when it is asked for that.
func (kind) observeWanted(ns *observe.NS, wanted []*Entry) (found []*Entry, err error) {
	listed := map[string]bool{}
	for _, w := range wanted {
		if w.Dst.IsValid() && listed[w.Dev] {
			continue
		}
		index, err := ns.Index(w.Dev)
		if errors.Is(err, unix.ENODEV) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if w.Dst.IsValid() {
			listed[w.Dev] = true
			some, err := list(ns, unix.NDA_IFINDEX, index, func(int) string { return w.Dev })
			if err != nil {
				return nil, err
			}
			for _, e := range some {
				if e.Dst.IsValid() {
					found = append(found, e)
				}
			}
			continue
		}
		e, err := get(ns, w, index)
		if err != nil {
			return nil, err
		}
		if e != nil {
			found = append(found, e)
		}
	}
	return found, nil
}

// OnLink is the link that an entry belongs to.
func (kind) OnLink(e *Entry) (name string, index int) { return e.Dev, e.index }

// Owned implements reconcile.Kind: an entry carries no mark.
func (kind) Owned(*Entry) bool { return false }

// ComesWith tells whether a file asks to take over have with its link.
func (k kind) ComesWith(want, have *Entry) bool { return want.Adopt && len(k.Diff(want, have)) == 0 }

// Diff implements reconcile.Kind. A bridge moves even a static entry to another port, when frames from the address come
// in there (br_fdb_update in net/bridge/br_fdb.c).
func (kind) Diff(want, have *Entry) []reconcile.Field {
	var fs reconcile.Fields
	if want.Dst.IsValid() {
		reconcile.Compare(&fs, "dst", &want.Dst, have.Dst)
	} else {
		reconcile.Compare(&fs, "port", &want.Dev, have.Port)
	}
	if have.State != static {
		fs.Differ("state", have.State, static)
	}
	return fs
}

// Create implements reconcile.Kind.
func (k kind) Create(_ context.Context, ns *observe.NS, want *Entry) error {
	return put(ns, want, func(want *Entry, on *observe.Link) error {
		if want.toSeveral() {
			// To append what is there already does nothing (vxlan_fdb_append in drivers/net/vxlan/vxlan_core.c).
			return ns.Change(newEntry(want, on.Index, unix.NLM_F_CREATE|unix.NLM_F_APPEND))
		}
		err := ns.Change(newEntry(want, on.Index, unix.NLM_F_CREATE|unix.NLM_F_EXCL))
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		have, lookErr := inPlaceOf(ns, want, on)
		switch {
		case lookErr != nil:
			return lookErr
		case have != nil && len(k.Diff(want, have)) == 0:
			return nil
		case have != nil:
			return fmt.Errorf("%w: %s", err, have.whereabouts())
		}
		// What has been learnt makes room.
		return ns.Change(newEntry(want, on.Index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

// Update implements reconcile.Kind.
func (kind) Update(_ context.Context, ns *observe.NS, want, _ *Entry) error {
	return put(ns, want, func(want *Entry, on *observe.Link) error {
		return ns.Change(newEntry(want, on.Index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

// put sends what makes an entry, and says in words why the kernel would not have it.
func put(ns *observe.NS, want *Entry, send func(want *Entry, on *observe.Link) error) error {
	on, err := ns.LinkByName(want.Dev)
	if err != nil {
		return err
	}
	exact := *want
	if want.Via != "" {
		if exact.via, err = ns.Index(want.Via); err != nil {
			return err
		}
	}
	if want.Dst.IsValid() && on.Kind != vxlanKind {
		// The kernel would not look at the host, and have the device itself receive what is for the address
		// (ndo_dflt_fdb_add in net/core/rtnetlink.c).
		return fmt.Errorf("%s is no VXLAN: its entries have no dst", want.Dev)
	}
	switch err := send(&exact, on); {
	case errors.Is(err, unix.EOPNOTSUPP) && !want.Dst.IsValid():
		return observe.Pendingf("%s is not a port of a bridge", want.Dev)
	case errors.Is(err, unix.EINVAL) && want.VLAN != 0:
		return fmt.Errorf("%w: %s is not in VLAN %d", err, want.Dev, want.VLAN)
	default:
		return err
	}
}

const vxlanKind = "vxlan"

// inPlaceOf is the entry that somebody made in the place of a wanted one, nil for none.
func inPlaceOf(ns *observe.NS, want *Entry, on *observe.Link) (*Entry, error) {
	if want.Dst.IsValid() {
		there, err := list(ns, unix.NDA_IFINDEX, on.Index, func(int) string { return want.Dev })
		for _, e := range there {
			if e.Dst.IsValid() && e.MAC == want.MAC {
				return e, err
			}
		}
		return nil, err
	}
	have, err := get(ns, want, on.Index)
	if have == nil || err != nil || want.VLAN != 0 || have.Port != want.Dev {
		return have, err
	}
	// Without a VLAN the request is about each VLAN of the port, and what was in the way may have been in any.
	links, err := ns.Links(context.Background())
	if err != nil {
		return nil, err
	}
	there, err := list(ns, unix.NDA_MASTER, on.Master, links.NameOf)
	for _, e := range there {
		if e.MAC == want.MAC && !e.Dst.IsValid() && (e.Port != want.Dev || e.State != static) {
			return e, err
		}
	}
	return nil, err
}

// Delete implements reconcile.Kind. The kernel deletes an entry of the port on which it was found only: where it has
// been moved since, it is somebody else's.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Entry) (err error) {
	index := have.index
	if index == 0 {
		index, err = ns.Index(have.Dev)
	}
	if err == nil {
		err = ns.Change(delEntry(have, index))
	}
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP):
		return nil
	case errors.Is(err, unix.EINVAL):
		// The port is not in that VLAN any more, or the device is no VXLAN.
		if now, lookErr := get(ns, have, index); lookErr == nil && now == nil {
			return nil
		}
	}
	return err
}
