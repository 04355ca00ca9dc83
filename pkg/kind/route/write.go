package route

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// Create implements reconcile.Kind.
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Route) error {
	_, err := k.Make(ctx, ns, want)
	return err
}

// Make implements reconcile.Lookup. When a device is made anew, an IPv6 route of which other ways are left is still there.
func (k kind) Make(ctx context.Context, ns *observe.NS, want *Route) (made *Route, err error) {
	if want.To.Addr().Is6() {
		defer func() { err = ns.ExplainIPv6(want.ways()[0].Dev, err) }()
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
	made, err = single(ns, msg)
	if err != nil || made == nil || made.place() != want.place() {
		// It is made all the same.
		return nil, nil
	}
	return made, nil
}

// takeOver makes linkd's own route the wanted one, where it is in the place of that; err says that something is.
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

// Update implements reconcile.Kind. NLM_F_REPLACE changes everything, at once and for every packet; but of several routes
// of one place it hits the first (fib_table_insert in net/ipv4/fib_trie.c), whoever made it, so there the new one is put
// beside the others.
//
// IPv6 keeps the ways of a route as routes of their own, each with its maker, and shows them as one with the mark of the
// first. NLM_F_REPLACE takes all of them (fib6_add_rt2node in net/ipv6/ip6_fib.c), so whatever is not wanted is deleted by
// linkd's name before: another's way stays, and is in the way.
//
// A route is replaced as a whole, so what is not managed is said as it was found.
func (k kind) Update(ctx context.Context, ns *observe.NS, want, have *Route) error {
	if have.Shared {
		return k.changeBeside(ctx, ns, want, have)
	}
	if len(have.Hops) > 0 && have.To.Addr().Is6() {
		missing, surplus := compareWays(want.ways(), have.Hops, Hop.leads)
		if len(surplus) > 0 {
			// There is a way at any time.
			for _, way := range missing {
				if err := put(ns, want.by(way), unix.NLM_F_CREATE|unix.NLM_F_APPEND); err != nil && !errors.Is(err, unix.EEXIST) {
					return err
				}
			}
		}
		for _, way := range surplus {
			switch err := drop(ns, have.by(way)); {
			case errors.Is(err, unix.ESRCH):
				return fmt.Errorf("one of its nexthops is not linkd's, and is left alone: %s", way)
			case err != nil && !errors.Is(err, unix.ENODEV):
				return err
			}
		}
	}
	whole := *want
	if missing, surplus := compareWays(want.ways(), have.ways(), Hop.leads); have.Type == want.Type && len(missing)+len(surplus) == 0 {
		whole.Src = cmp.Or(want.Src, have.Src)
		whole.Scope = cmp.Or(want.Scope, have.Scope)
		whole.MTU = cmp.Or(want.MTU, have.MTU)
	}
	return put(ns, &whole, unix.NLM_F_REPLACE)
}

// changeBeside changes a route that others have theirs beside: for a moment theirs counts. The newest counts first again
// (fib_table_insert), and IPv6 makes one route of what can be one.
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

// Delete implements reconcile.Kind. Everything that the kernel compares is said, so that nobody else's route is hit; the
// ways of an IPv6 route may be of several makers.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Route) error {
	var parts []*Route
	switch {
	case len(have.Hops) == 0:
		parts = append(parts, have)
	case have.To.Addr().Is4():
		// It is found by the rest.
		parts = append(parts, have.by())
	default:
		for _, way := range have.Hops {
			parts = append(parts, have.by(way))
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
	err := withDevices(ns, want.ways(), func(indexes []int) error { return change(newRoute(want, indexes, flags)) })
	if errors.Is(err, unix.EINVAL) && want.Src != nil {
		return whySource(ns, want, err)
	}
	return err
}

// whySource tells what is the matter with a source address that the kernel may have refused, which it does in the same
// words whether the address is not there or not in use yet.
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
	return withDevices(ns, have.ways(), func(indexes []int) error { return ns.Change(delRoute(have, indexes)) })
}

// withDevices hands the present indexes of the ways' devices to send, 0 where there is none, and once more if the kernel
// says that it has no such device: one of that name was made anew in between.
func withDevices(ns *observe.NS, ways []Hop, send func(indexes []int) error) error {
	for again := false; ; again = true {
		indexes := make([]int, len(ways))
		for i, way := range ways {
			if way.Dev == "" {
				continue
			}
			var err error
			if indexes[i], err = ns.Index(way.Dev); err != nil {
				return err
			}
		}
		if err := send(indexes); again || !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
}
