package address

import (
	"cmp"
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Kind is the kind of addresses. The kernel deletes an address together with its device.
var Kind = register()

func register() reconcile.Registered {
	var k reconcile.Kind[*Address] = kind{}
	can := reconcile.Capabilities[*Address]{
		Topics:    []observe.Topic{observe.AddressTopic, observe.LinkTopic},
		Same:      same,
		Lookup:    kind{},
		Settings:  kind{},
		Fill:      kind{}.Fill,
		Ownership: reconcile.Ownership[*Address]{Adopts: kind{}.ComesWith},
		Show:      kind{}.Show,
		Contents:  contents,
		Health:    health,
		Complete:  given,

		Announcing: announcing{},
	}
	switch {
	case !observe.KernelIs(5, 18):
		k, can.Ownership.Fingerprint = unmarked{}, unmarked{}.Fingerprint
	case !observe.KernelIs(6, 4):
		k, can.Ownership.Fingerprint = markedAtBirth{}, markedAtBirth{}.Fingerprint
	}
	return reconcile.Register(kindName, k, can)
}

type kind struct{}

// Observe returns the addresses that a query names, or all.
func (kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Address]) ([]*Address, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	return list(ns, unix.AF_UNSPEC, 0, links.ByIndex, query)
}

// Owned reports whether linkd created the address.
func (kind) Owned(have *Address) bool { return have.Proto == Mark }

// Create adds the address.
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Address) error {
	_, err := k.Make(ctx, ns, want)
	return err
}

// Make adds the address and returns it as the kernel created it; nil if the kernel does not say. The kernel answers for IPv4 only
// (inet6_ifa_notify in net/ipv6/addrconf.c).
func (k kind) Make(_ context.Context, ns *observe.NS, want *Address) (made *Address, err error) {
	if want.Prefix.Addr().Is6() {
		defer func() { err = ns.ExplainIPv6(want.Dev, err) }()
	}
	err = OnDevice(ns, want.Dev, func(index int) error {
		create := func() (err error) {
			made, err = makeOn(ns, want, index)
			return err
		}
		err := create()
		if !errors.Is(err, unix.EEXIST) {
			return err
		}
		there, lookErr := listOn(ns, want, index)
		if lookErr != nil {
			return lookErr
		}
		for _, have := range there {
			switch {
			case have.Prefix.Addr() != want.Prefix.Addr() || !k.Owned(have):
			case have.Prefix == want.Prefix && len(k.Diff(want, have)) == 0:
				return nil
			case have.Prefix != want.Prefix && want.Prefix.Addr().Is6():
				// A device can have an IPv6 address only once, whatever its length, so linkd deletes the one with an earlier
				// length.
				if err := ns.Change(delAddress(have, index)); err != nil {
					return err
				}
				return create()
			}
		}
		return err
	})
	return made, err
}

// makeOn adds an address to the device with an index.
func makeOn(ns *observe.NS, want *Address, index int) (made *Address, err error) {
	msg, err := ns.ChangeEchoed(newAddress(want, index, unix.NLM_F_CREATE|unix.NLM_F_EXCL), unix.RTM_NEWADDR)
	if err != nil || msg == nil {
		return nil, err
	}
	if made, err = parse(msg); err != nil {
		// The address exists nevertheless.
		return nil, nil
	}
	made.NS, made.Dev, made.index = ns.Name, want.Dev, index
	flags, err := ns.Flags(want.Dev)
	if err != nil || flags&unix.IFF_RUNNING == 0 || want.ordered {
		// Only a list shows which routes the device lacks, and the address's position.
		return nil, nil
	}
	if elsewhere, err := leadsElsewhere(ns, want, index); err != nil || elsewhere {
		// A list shows with which other interface it shares its subnet.
		return nil, nil
	}
	made.device = (uint32(flags) | unix.IFF_LOWER_UP) & deviceFlags
	return made, nil
}

// Update changes the address. The kernel sets an attribute that is not in the message to its default, so the message has the
// observed values of attributes that linkd does not manage.
func (kind) Update(_ context.Context, ns *observe.NS, want, have *Address) error {
	whole := *want
	whole.NoDAD = cmp.Or(want.NoDAD, have.NoDAD)
	whole.NoPrefixRoute = cmp.Or(want.NoPrefixRoute, have.NoPrefixRoute)
	whole.Metric = cmp.Or(want.Metric, have.Metric)
	whole.ValidLft = cmp.Or(want.ValidLft, have.ValidLft)
	whole.PreferredLft = cmp.Or(want.PreferredLft, have.PreferredLft)
	whole.flags = have.flags
	return OnDevice(ns, want.Dev, func(index int) error {
		changes := len(difference(want, have)) > 0 || have.Proto != Mark
		if changes && want.Prefix.Addr().Is6() {
			return changeSparingRoute(ns, want, index, func() error { return ns.Change(newAddress(&whole, index, unix.NLM_F_REPLACE)) })
		}
		if changes {
			if err := ns.Change(newAddress(&whole, index, unix.NLM_F_REPLACE)); err != nil {
				return err
			}
		}
		if have.lacks != "" {
			if err := restore(ns, want, index, false); err != nil {
				return err
			}
		}
		if have.behind.IsValid() {
			return reorder(ns, have, index)
		}
		return nil
	})
}

// changeSparingRoute changes an IPv6 address, and restores the route to it. If both routes are in the table of a VRF, the kernel
// mistakes that route for the one to the subnet, a /128 (addrconf_get_prefix_route in net/ipv6/addrconf.c).
func changeSparingRoute(ns *observe.NS, want *Address, index int, change func() error) error {
	_, before, err := lackedBy(ns, want, index)
	if err == nil {
		err = change()
	}
	if err != nil {
		return err
	}
	return restore(ns, want, index, !want.lacksOwnRoute(before))
}

// Delete deletes the address from the device on which it was observed, found by index: another device with that name may have the
// same address from another program.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Address) (err error) {
	index := have.index
	if index == 0 {
		index, err = ns.Index(have.Dev)
	}
	if err == nil {
		remove := func() error { return ns.Change(delAddress(have, index)) }
		if have.Prefix.Addr().Is4() {
			err = sparingSecondaries(ns, have, index, remove)
		} else {
			err = remove()
		}
	}
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

// OnDevice calls send with the device's index. If the kernel reports that there is no such device, because the device was replaced
// in between, OnDevice calls it once more with the new index.
func OnDevice(ns *observe.NS, dev string, send func(index int) error) error {
	for again := false; ; again = true {
		index, err := ns.Index(dev)
		if err != nil {
			return err
		}
		if err := send(index); again || !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
}
