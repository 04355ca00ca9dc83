package neighbour

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Kind is the kind of neighbours. The kernel deletes them with their device, and when that goes down or gets another MAC address.
// It never announces proxy entries, and does not always say who made the others; so the kind is silent.
var Kind = reconcile.Register[*Neighbour](kindName, kind{}, reconcile.Capabilities[*Neighbour]{
	Topics:    []observe.Topic{observe.NeighbourTopic, observe.LinkTopic},
	Silent:    reconcile.Always[*Neighbour],
	FromID:    kind{}.FromID,
	Link:      kind{}.OnLink,
	Ownership: reconcile.Ownership[*Neighbour]{Adopts: kind{}.ComesWith},
	Show:      kind{}.Show,
	Contents:  contents,
})

type kind struct{}

// Observe finds the neighbours of the devices with desired ones, or all that somebody made.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Neighbour]) ([]*Neighbour, error) {
	if query.Purpose == reconcile.ToCompare {
		return k.observeWanted(ctx, ns, query.Wanted)
	}
	return k.observeMade(ctx, ns)
}

// observeMade finds all neighbours that somebody made. It leaves out learned ones, of which there can be very many.
func (kind) observeMade(ctx context.Context, ns *observe.NS) (found []*Neighbour, err error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	for _, proxy := range []bool{false, true} {
		some, err := list(ns, proxy, 0, links.NameOf)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// fewDevices is the number of devices up to which linkd lists each of them separately.
const fewDevices = 4

// observeWanted finds the neighbours of the devices with desired ones.
func (kind) observeWanted(ctx context.Context, ns *observe.NS, wanted []*Neighbour) (found []*Neighbour, err error) {
	for _, proxy := range []bool{false, true} {
		devices := map[string]bool{}
		for _, w := range wanted {
			if w.Proxy == proxy {
				devices[w.Dev] = true
			}
		}
		if len(devices) > fewDevices {
			links, err := ns.Links(ctx)
			if err != nil {
				return nil, err
			}
			some, err := list(ns, proxy, 0, links.NameOf)
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
			continue
		}
		for dev := range devices {
			index, err := ns.Index(dev)
			if errors.Is(err, unix.ENODEV) {
				continue
			}
			if err != nil {
				return nil, err
			}
			some, err := list(ns, proxy, index, func(int) string { return dev })
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
	}
	return found, nil
}

// OnLink returns the link that a neighbour belongs to.
func (kind) OnLink(n *Neighbour) (name string, index int) { return n.Dev, n.index }

func (kind) Owned(have *Neighbour) bool { return have.Proto == address.Mark }

func (k kind) Diff(want, have *Neighbour) []reconcile.Field {
	var fs reconcile.Fields
	if !want.Proxy {
		reconcile.Compare(&fs, "mac", &want.MAC, have.MAC)
		if have.State != permanent {
			fs.Differ("state", have.State, permanent)
		}
	}
	if k.ComesWith(want, have) && !k.Owned(have) {
		fs.DifferMark("mark", "", "linkd")
	}
	return fs
}

// ComesWith reports whether a file asks to take over have with its link. It takes over only entries as ip(8) makes them: permanent
// ones that do not say who made them. The kernel can change the mark in place.
func (kind) ComesWith(want, have *Neighbour) bool {
	return want.Adopt && have.Proto == 0 && (have.Proxy || have.State == permanent)
}

func (k kind) Create(_ context.Context, ns *observe.NS, want *Neighbour) (err error) {
	if want.To.Is6() {
		defer func() { err = ns.ExplainIPv6(want.Dev, err) }()
	}
	if err := refuseAlone(ns, want); err != nil {
		return err
	}
	return address.OnDevice(ns, want.Dev, func(index int) error {
		if want.Proxy {
			// The kernel would make an existing entry linkd's own (pneigh_lookup in net/core/neighbour.c).
			if have, err := get(ns, want, index); err != nil || have != nil {
				return err
			}
			return ns.Change(newNeighbour(want, index, unix.NLM_F_CREATE))
		}
		err := ns.Change(newNeighbour(want, index, unix.NLM_F_CREATE|unix.NLM_F_EXCL))
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		have, lookErr := get(ns, want, index)
		switch {
		case lookErr != nil:
			return lookErr
		case have != nil && k.Owned(have) && len(k.Diff(want, have)) == 0:
			return nil
		case have != nil && !k.Owned(have):
			return fmt.Errorf("%w: %s already has it with the MAC address %s", err, want.Dev, have.MAC)
		}
		// The present entry is a learned one: replace it.
		return ns.Change(newNeighbour(want, index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

// refuseAlone refuses an IPv4 neighbour on a loopback or point-to-point device. There the kernel would create an entry for 0.0.0.0
// instead (arp_constructor in net/ipv4/arp.c), and never delete it.
func refuseAlone(ns *observe.NS, want *Neighbour) error {
	if want.Proxy || want.To.Is6() {
		return nil
	}
	flags, err := ns.Flags(want.Dev)
	if err == nil && flags&(unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) != 0 {
		err = fmt.Errorf("%s cannot have IPv4 neighbours: it is a loopback or point-to-point device", want.Dev)
	}
	return err
}

func (kind) Update(_ context.Context, ns *observe.NS, want, _ *Neighbour) error {
	return address.OnDevice(ns, want.Dev, func(index int) error {
		return ns.Change(newNeighbour(want, index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

// Delete deletes the entry on the device where it was found. On another device that has that name now, the same entry is
// somebody else's.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Neighbour) (err error) {
	index := have.index
	if index == 0 {
		index, err = ns.Index(have.Dev)
	}
	if err == nil {
		err = ns.Change(delNeighbour(have, index))
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
