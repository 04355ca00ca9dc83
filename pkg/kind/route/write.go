package route

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// Create creates the route.
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Route) error {
	_, err := k.Make(ctx, ns, want)
	return err
}

// Make creates the route and returns it as the kernel created it; nil if the kernel does not say. After a device of an IPv6 route
// was replaced, the route still exists with its other nexthops.
func (k kind) Make(ctx context.Context, ns *observe.NS, want *Route) (made *Route, err error) {
	if want.To.Addr().Is6() {
		defer func() { err = ns.ExplainIPv6(want.hops()[0].Dev, err) }()
	}
	var msg []byte
	err = putBy(ns, want, unix.NLM_F_CREATE|unix.NLM_F_EXCL, func(req *nl.NetlinkRequest) (err error) {
		msg, err = ns.ChangeEchoed(req, unix.RTM_NEWROUTE)
		return err
	})
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil, k.takeOver(ctx, ns, want, err)
	case err != nil || msg == nil:
		return nil, err
	}
	made, err = parseOne(ns, msg)
	if err != nil || made == nil || made.place() != want.place() {
		// The route exists nevertheless.
		return nil, nil
	}
	return made, nil
}

// takeOver changes linkd's own route in the place of the desired one. err says that there is a route.
func (k kind) takeOver(ctx context.Context, ns *observe.NS, want *Route, err error) error {
	found, lookErr := k.observeAmong(ctx, ns, []*Route{want})
	if lookErr != nil {
		return lookErr
	}
	for _, have := range found {
		if have.ID() == want.ID() && k.Owned(have) {
			if len(k.Diff(want, have)) == 0 {
				return nil
			}
			return k.Update(ctx, ns, want, have)
		}
	}
	return err
}

// Update changes the route. NLM_F_REPLACE changes all attributes at once, without a gap for packets. But of several routes in one
// place it replaces the first (fib_table_insert in net/ipv4/fib_trie.c), whoever created it, so there Update adds the new route
// beside the others.
//
// IPv6 stores each nexthop as a route with its own protocol, and reports them as one route with the protocol of the first.
// NLM_F_REPLACE replaces all of them (fib6_add_rt2node in net/ipv6/ip6_fib.c). So Update first deletes the surplus nexthops with
// linkd's protocol; a foreign nexthop stays, and stops the change.
//
// NLM_F_REPLACE replaces the whole route, so the request has the observed values of attributes that linkd does not manage.
func (k kind) Update(ctx context.Context, ns *observe.NS, want, have *Route) error {
	if want.Replace && !k.Owned(have) {
		// By now linkd has removed what was there.
		return put(ns, want, unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	}
	if want.restores {
		// The look for the desired route listed linkd's own routes only, because the route differs from it in nothing.
		shared, err := k.isShared(ctx, ns, want)
		if err != nil {
			return err
		}
		now := *have
		now.Shared = shared
		have = &now
	}
	if have.Shared {
		return k.changeBeside(ctx, ns, want, have)
	}
	if len(have.Hops) > 0 && have.To.Addr().Is6() {
		missing, surplus := compareHops(want.hops(), have.Hops, Hop.leads)
		if len(surplus) > 0 {
			// The route has a nexthop at any time.
			for _, hop := range missing {
				if err := put(ns, want.withHops(hop), unix.NLM_F_CREATE|unix.NLM_F_APPEND); err != nil && !errors.Is(err, unix.EEXIST) {
					return err
				}
			}
		}
		for _, hop := range surplus {
			switch err := drop(ns, have.withHops(hop)); {
			case errors.Is(err, unix.ESRCH):
				return fmt.Errorf("one of its nexthops is not linkd's, and is left alone: %s", hop)
			case err != nil && !errors.Is(err, unix.ENODEV):
				return err
			}
		}
	}
	whole := *want
	if missing, surplus := compareHops(want.hops(), have.hops(), Hop.leads); have.Type == want.Type && len(missing)+len(surplus) == 0 {
		whole.Src = cmp.Or(want.Src, have.Src)
		whole.Scope = cmp.Or(want.Scope, have.Scope)
		whole.OnLink = cmp.Or(want.OnLink, have.OnLink)
		whole.Hops = slices.Clone(want.Hops)
		for i, w := range want.Hops {
			if j := slices.IndexFunc(have.Hops, func(h Hop) bool { return h.leads(w) }); j >= 0 && w.OnLink == 0 {
				whole.Hops[i].OnLink = have.Hops[j].OnLink
			}
		}
		whole.Pref = cmp.Or(want.Pref, have.Pref)
		whole.Metrics = want.Metrics.or(have.Metrics)
	}
	return put(ns, &whole, unix.NLM_F_REPLACE)
}

// isShared reports whether others have routes in the place of linkd's.
func (k kind) isShared(ctx context.Context, ns *observe.NS, want *Route) (bool, error) {
	found, err := k.observeAmong(ctx, ns, []*Route{want})
	return slices.ContainsFunc(found, func(r *Route) bool { return r.place() == want.place() && r.Shared }), err
}

// changeBeside changes a route with foreign routes in the same place. For a moment, the kernel uses a foreign one. Then the newest
// is first again (fib_table_insert). IPv6 merges routes if it can.
func (k kind) changeBeside(ctx context.Context, ns *observe.NS, want, have *Route) error {
	if err := k.Delete(ctx, ns, have); err != nil {
		return err
	}
	err := put(ns, want, unix.NLM_F_CREATE)
	if err != nil && k.Owned(have) {
		err = errors.Join(err, put(ns, have, unix.NLM_F_CREATE))
	}
	return err
}

// Delete deletes the route. The request has all attributes that the kernel compares, so that it matches no foreign route. The
// nexthops of an IPv6 route may have several owners.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Route) error {
	var parts []*Route
	switch {
	case len(have.Hops) == 0:
		parts = append(parts, have)
	case have.To.Addr().Is4():
		// The kernel finds it by the other attributes.
		parts = append(parts, have.withHops())
	default:
		for _, hop := range have.Hops {
			parts = append(parts, have.withHops(hop))
		}
	}
	for _, r := range parts {
		if err := drop(ns, r); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return nil
}

func put(ns *observe.NS, want *Route, flags int) error { return putBy(ns, want, flags, ns.Change) }

func putBy(ns *observe.NS, want *Route, flags int, change func(*nl.NetlinkRequest) error) error {
	err := withDevices(ns, want.hops(), func(indexes []int) error { return change(newRoute(want, indexes, flags)) })
	if errors.Is(err, unix.EOPNOTSUPP) && want.Encap != nil {
		return fmt.Errorf("%w: does this kernel have encapsulation by %s?", err, strings.Fields(want.Encap.String())[0])
	}
	if errors.Is(err, unix.EINVAL) && want.hasSource() {
		return whySource(ns, want, err)
	}
	return err
}

// whySource returns why the kernel refused a source address: its error is the same for an address that does not exist and for one
// that is not usable yet.
func whySource(ns *observe.NS, want *Route, err error) error {
	presence, lookErr := address.PresenceOf(ns, *want.Src)
	switch {
	case lookErr != nil:
		return lookErr
	case presence == address.Absent:
		return observe.Pendingf("no interface has the source address %s yet", want.Src)
	case presence == address.Tentative:
		return observe.Pendingf("the source address %s is still tentative", want.Src)
	case presence == address.Duplicate:
		return fmt.Errorf("another host has the source address %s: %w", want.Src, err)
	}
	return err
}

func drop(ns *observe.NS, have *Route) error {
	return withDevices(ns, have.hops(), func(indexes []int) error { return ns.Change(delRoute(have, indexes)) })
}

// withDevices calls send with the device index of each nexthop, 0 for none. If the kernel reports that there is no such device,
// because it was replaced in between, withDevices calls send once more.
func withDevices(ns *observe.NS, hops []Hop, send func(indexes []int) error) error {
	for again := false; ; again = true {
		indexes := make([]int, len(hops))
		for i, hop := range hops {
			if hop.Dev == "" {
				continue
			}
			var err error
			if indexes[i], err = ns.Index(hop.Dev); err != nil {
				return err
			}
		}
		if err := send(indexes); again || !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
}
