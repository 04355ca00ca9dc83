package address

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
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

// Diff compares two addresses. RTM_NEWADDR changes only the lifetimes and the metric of an existing address (inet_rtm_newaddr in
// net/ipv4/devinet.c), and for IPv6 also its flags (inet6_addr_modify in net/ipv6/addrconf.c). The kernel silently ignores the
// rest.
func (k kind) Diff(want, have *Address) []reconcile.Field {
	fs := difference(want, have)
	if want.partial {
		return fs
	}
	if k.ComesWith(want, have) && !k.Owned(have) {
		fs.DifferMark("mark", "", "linkd")
	}
	if have.behind.IsValid() {
		fs.Differ("position", "before "+have.behind.String(), "behind "+have.behind.String())
	}
	if have.lacks != "" {
		fs.Differ("kernel routes", "without "+have.lacks, "complete")
	}
	return fs
}

// ComesWith reports whether linkd adopts have together with its link. It does not adopt an address with a limited lifetime, which
// another program such as a DHCP client renews, nor one with a mark of the kernel's (IFAPROT_KERNEL_LO and the next two in
// linux/if_addr.h). RTM_NEWADDR changes the mark without removing the address, but for an IPv6 address with a peer it adds another
// route (inet6_addr_modify in net/ipv6/addrconf.c).
func (kind) ComesWith(want, have *Address) bool {
	lasting := want.ValidLft != nil || spec.ValueOr(have.ValidLft, Forever) == Forever
	changesMore := have.Prefix.Addr().Is6() && have.Peer != nil
	return want.Replace || want.Adopt && lasting && !changesMore && !have.byKernel()
}

func difference(want, have *Address) (fs reconcile.Fields) {
	compareIP(&fs, "peer", want.Peer, have.Peer, want.Prefix.Addr())
	compareImmutable(&fs, "label", want.Label, have.Label)
	compareImmutable(&fs, "scope", want.Scope, have.Scope)
	compareIP(&fs, "broadcast", want.Broadcast, have.Broadcast, netip.Addr{})
	reconcile.Compare(&fs, "nodad", want.NoDAD, spec.ValueOr(have.NoDAD, false))
	noRoute, metric := spec.ValueOr(have.NoPrefixRoute, false), spec.ValueOr(have.Metric, 0)
	if want.Prefix.Addr().Is4() {
		compareImmutable(&fs, "noprefixroute", want.NoPrefixRoute, &noRoute)
		reconcile.Compare(&fs, "metric", want.Metric, metric)
	} else {
		reconcile.Compare(&fs, "noprefixroute", want.NoPrefixRoute, noRoute)
		if want.Metric != nil && *want.Metric == 0 {
			// For this function a metric of 0 means no change.
			compareImmutable(&fs, "metric", want.Metric, &metric)
		} else {
			reconcile.Compare(&fs, "metric", want.Metric, metric)
		}
	}
	compareLifetime(&fs, "valid_lft", want.ValidLft, have.ValidLft)
	compareLifetime(&fs, "preferred_lft", want.PreferredLft, have.PreferredLft)
	compareLifespan(&fs, want.lifespan, have.lifespan)
	return fs
}

func compareImmutable[T comparable](fs *reconcile.Fields, path string, want, have *T) {
	if want == nil || (have != nil && *want == *have) {
		return
	}
	had := ""
	if have != nil {
		had = fmt.Sprint(*have)
	}
	fs.DifferReplace(path, had, fmt.Sprint(*want))
}

// compareIP compares an address, which is none if the address has no such attribute.
func compareIP(fs *reconcile.Fields, path string, want, have *netip.Addr, none netip.Addr) {
	there := spec.ValueOr(have, none)
	if want == nil || *want == there {
		return
	}
	text := func(ip netip.Addr) string {
		if ip == none {
			return ""
		}
		return ip.String()
	}
	fs.DifferReplace(path, text(there), text(*want))
}

// compareLifetime does not compare running lifetimes by their values, only as forever, limited and expired.
func compareLifetime(fs *reconcile.Fields, path string, want, have *Lifetime) {
	if want == nil || have == nil || *want == *have {
		return
	}
	if ticks := *want != Forever && *have != Forever && *want != 0; !ticks {
		fs.Differ(path, have.String(), want.String())
	}
}

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

// unmarked is the kind for kernels that ignore IFA_PROTO: there only the journal says which addresses are linkd's.
type unmarked struct{ kind }

// Diff compares two addresses without their marks.
func (unmarked) Diff(want, have *Address) []reconcile.Field { return difference(want, have) }

// Fingerprint returns "": nothing distinguishes linkd's address from the same one that another program added.
func (unmarked) Fingerprint(*Address) string { return "" }

// markedAtBirth is the kind for kernels that cannot change the mark of an existing IPv4 address (inet_rtm_newaddr in
// net/ipv4/devinet.c before 6.4): there only the journal says that an adopted address is linkd's.
type markedAtBirth struct{ kind }

// Diff compares two addresses, without the mark of an IPv4 address.
func (k markedAtBirth) Diff(want, have *Address) []reconcile.Field {
	if want.Prefix.Addr().Is4() {
		return difference(want, have)
	}
	return k.kind.Diff(want, have)
}

// Fingerprint returns the mark: an address that has lost its mark was added again by another program.
func (markedAtBirth) Fingerprint(have *Address) string { return fmt.Sprint("proto ", have.Proto) }
