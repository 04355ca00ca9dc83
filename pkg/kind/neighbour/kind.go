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

// Kind is the neighbours. They go with their device, and when it is set down or given another MAC address. Proxy entries
// are not announced at all, and the others not always with what tells that they are somebody's.
var Kind = reconcile.Register[*Neighbour](kindName, kind{}, reconcile.Capabilities[*Neighbour]{
	Topics:    []observe.Topic{observe.NeighbourTopic, observe.LinkTopic},
	Silent:    reconcile.Always[*Neighbour],
	FromID:    kind{}.FromID,
	Link:      kind{}.OnLink,
	Ownership: reconcile.Ownership[*Neighbour]{Adopts: kind{}.ComesWith},
	Show:      kind{}.Show,
})

type kind struct{}

// Observe finds what is wanted, or what somebody made.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Neighbour]) ([]*Neighbour, error) {
	if query.Purpose == reconcile.ToCompare {
		return k.observeWanted(ctx, ns, query.Wanted)
	}
	return k.observeMade(ctx, ns)
}

// observeMade finds what somebody made: of what the kernel has learnt there can be very much, and none of it is anybody's.
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

// fewDevices is the number of devices up to which each of them is asked for by itself.
const fewDevices = 4

// observeWanted finds the neighbours of the devices on which some are wanted.
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

// OnLink is the link that a neighbour belongs to.
func (kind) OnLink(n *Neighbour) (name string, index int) { return n.Dev, n.index }

// Owned implements reconcile.Kind.
func (kind) Owned(have *Neighbour) bool { return have.Proto == address.Mark }

// Diff implements reconcile.Kind.
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

// ComesWith tells whether a file asks to take over have with its link: an entry that says who made it, or ages, is not what
// ip(8) makes. The kernel changes the mark in place.
func (kind) ComesWith(want, have *Neighbour) bool {
	return want.Adopt && have.Proto == 0 && (have.Proxy || have.State == permanent)
}

// Create implements reconcile.Kind.
func (k kind) Create(_ context.Context, ns *observe.NS, want *Neighbour) (err error) {
	if want.To.Is6() {
		defer func() { err = ns.ExplainIPv6(want.Dev, err) }()
	}
	if err := refuseAlone(ns, want); err != nil {
		return err
	}
	return address.OnDevice(ns, want.Dev, func(index int) error {
		if want.Proxy {
			// The kernel takes a second one for the first, and makes it linkd's (pneigh_lookup in net/core/neighbour.c).
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
			return fmt.Errorf("%w: %s has it at %s already", err, want.Dev, have.MAC)
		}
		// What the kernel has learnt makes room.
		return ns.Change(newNeighbour(want, index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

// refuseAlone: on a device with nobody, or one only, at its other end, the kernel makes the entry one for 0.0.0.0
// (arp_constructor in net/ipv4/arp.c), which stays for good.
func refuseAlone(ns *observe.NS, want *Neighbour) error {
	if want.Proxy || want.To.Is6() {
		return nil
	}
	flags, err := ns.Flags(want.Dev)
	if err == nil && flags&(unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) != 0 {
		err = fmt.Errorf("%s has no neighbours of IPv4: it is a loopback or point-to-point device", want.Dev)
	}
	return err
}

// Update implements reconcile.Kind.
func (kind) Update(_ context.Context, ns *observe.NS, want, _ *Neighbour) error {
	return address.OnDevice(ns, want.Dev, func(index int) error {
		return ns.Change(newNeighbour(want, index, unix.NLM_F_CREATE|unix.NLM_F_REPLACE))
	})
}

// Delete implements reconcile.Kind. The device is the one on which the entry was found: on another one that has its name
// by now, the same entry is somebody else's.
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
