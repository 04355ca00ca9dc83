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

// Kind is the kind of static entries of forwarding databases. The kernel deletes them with their port. It does not announce
// every change of them, and announces learned entries in the same way; so the kind is silent.
var Kind = reconcile.Register[*Entry](kindName, kind{}, reconcile.Capabilities[*Entry]{
	Topics: []observe.Topic{observe.ForwardingTopic, observe.LinkTopic},
	Silent: reconcile.Always[*Entry],
	FromID: kind{}.FromID,
	Link:   kind{}.OnLink,
	Ownership: reconcile.Ownership[*Entry]{
		Noun: func(*Entry) string { return "forwarding entry" },
		// linkd cannot tell its entry from the same entry made by another program.
		Fingerprint: func(*Entry) string { return "" },
		Adopts:      kind{}.ComesWith,
	},
	Show:     kind{}.Show,
	Contents: contents,
})

type kind struct{}

// Observe finds the desired entries, or all static ones.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Entry]) ([]*Entry, error) {
	if query.Purpose == reconcile.ToCompare {
		return k.observeWanted(ns, query.Wanted)
	}
	return k.observeMade(ctx, ns)
}

// observeMade finds all static entries. It leaves out learned ones, of which there can be very many.
func (kind) observeMade(ctx context.Context, ns *observe.NS) ([]*Entry, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	all, err := list(ns, 0, 0, links.NameOf)
	if err != nil {
		return nil, err
	}
	// On a kernel with VLAN filtering, an entry without a VLAN comes with one entry for each VLAN of the port.
	type place struct{ dev, mac string }
	everyVLAN := map[place]bool{}
	for _, e := range all {
		if e.VLAN == 0 && !e.Dst.IsValid() && e.State == static {
			everyVLAN[place{e.Dev, e.MAC}] = true
		}
	}
	return slices.DeleteFunc(all, func(e *Entry) bool { return e.VLAN != 0 && everyVLAN[place{e.Dev, e.MAC}] }), nil
}

// observeWanted finds the desired entries. It asks a bridge for each MAC address: that takes constant time, while a list of a
// port's entries takes time for all entries of the bridge. It lists the entries of a VXLAN, because a VXLAN that is asked for one
// address returns only one of its hosts.
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

// OnLink returns the link that an entry belongs to.
func (kind) OnLink(e *Entry) (name string, index int) { return e.Dev, e.index }

// Owned returns false, because an entry has no mark.
func (kind) Owned(*Entry) bool { return false }

// ComesWith reports whether a file asks to take over have with its link.
func (k kind) ComesWith(want, have *Entry) bool { return want.Adopt && len(k.Diff(want, have)) == 0 }

// Diff returns the differences. A bridge moves even a static entry to another port if frames from the address come in there
// (br_fdb_update in net/bridge/br_fdb.c).
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

func (k kind) Create(_ context.Context, ns *observe.NS, want *Entry) error {
	return put(ns, want, func(want *Entry, on *observe.Link) error {
		if want.toSeveral() {
			// Appending an existing entry does nothing (vxlan_fdb_append in drivers/net/vxlan/vxlan_core.c).
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
			return fmt.Errorf("%w: %s", err, have.location())
		}
		// The present entry is a learned one: replace it.
		return ns.Change(newEntry(want, on.Index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

func (kind) Update(_ context.Context, ns *observe.NS, want, _ *Entry) error {
	return put(ns, want, func(want *Entry, on *observe.Link) error {
		return ns.Change(newEntry(want, on.Index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

// put calls send to create or replace an entry, and explains the kernel's errors.
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
		// The kernel would ignore the host, and make the device itself receive frames for the address (ndo_dflt_fdb_add in
		// net/core/rtnetlink.c).
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

// inPlaceOf returns the static entry that prevents a desired one; nil if there is none.
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
	// A request without a VLAN concerns each VLAN of the port, so the conflicting entry may be in any of them.
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

// Delete deletes the entry only at the port where it was found: an entry that has moved since is somebody else's.
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
		// The port has left that VLAN, or the device is no VXLAN.
		if now, lookErr := get(ns, have, index); lookErr == nil && now == nil {
			return nil
		}
	}
	return err
}
