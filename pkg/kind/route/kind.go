package route

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Kind is the kind of routes. The kernel does not announce that it deletes an IPv4 route because the device goes down or loses its
// last address (fib_flush in net/ipv4/fib_frontend.c), so linkd also listens to events about links and addresses.
var Kind = reconcile.Register[*Route](kindName, kind{}, reconcile.Capabilities[*Route]{
	Topics:    []observe.Topic{observe.RouteTopic, observe.LinkTopic, observe.AddressTopic},
	Lookup:    kind{},
	Settings:  kind{},
	Fill:      kind{}.Fill,
	Ownership: reconcile.Ownership[*Route]{Adopts: kind{}.ComesWith, Taken: taken},
	Show:      kind{}.Show,
	Contents:  contents,
})

type kind struct{}

// taken returns what to do about a container's route in the place of a desired one.
func taken(want, have *Route, engine string) string {
	if engine == "" {
		return ""
	}
	return fmt.Sprintf("%s already has a route to %s that %s created. Start the container with --network none, or give this route a metric", want.NS, want.ID().Key, engine)
}

// Observe returns all routes or, to compare, those that matter for the desired ones.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[*Route]) ([]*Route, error) {
	if query.Purpose == reconcile.ToCompare {
		return k.observeAmong(ctx, ns, query.Wanted)
	}
	return k.observeAll(ctx, ns)
}

func (kind) observeAll(ctx context.Context, ns *observe.NS) ([]*Route, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	return list(ns, links, 0, nil)
}

// observeAmong returns linkd's routes, and foreign ones in the places of desired routes. A routing daemon can have a hundred
// thousand routes. A dump of linkd's protocol alone costs a tenth of a full one, so linkd lists all routes only if something
// differs: a foreign route may be in the place of a missing one, and beside one that linkd must change (see Diff). The kernel
// cannot tell whether a place is free: for a throw route or a dead one it answers as if there were no route.
func (k kind) observeAmong(ctx context.Context, ns *observe.NS, wanted []*Route) ([]*Route, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	own, err := list(ns, links, address.Mark, nil)
	if err != nil || k.hasAll(own, wanted) {
		return own, err
	}
	places := make(map[place]bool, len(wanted))
	for _, w := range wanted {
		places[w.place()] = true
	}
	return list(ns, links, 0, places)
}

// hasAll reports whether found has all desired routes, with the desired attributes.
func (k kind) hasAll(found, wanted []*Route) bool {
	at := make(map[place]*Route, len(found))
	for _, r := range found {
		if r.Sibling == "" {
			at[r.place()] = r
		}
	}
	for _, w := range wanted {
		if have := at[w.place()]; have == nil || len(k.Diff(w, have)) > 0 {
			return false
		}
	}
	return true
}

// nameSiblings gives several routes in one place different IDs. The kernel accepts more than one only from `ip route append` and
// from itself, so the route with the plain ID is linkd's, if there is one.
func nameSiblings(found []*Route) {
	first := make(map[place]*Route, len(found))
	for _, r := range found {
		at := r.place()
		f := first[at]
		if f == nil {
			first[at] = r
			continue
		}
		f.Shared, r.Shared = true, true
		if (kind{}).Owned(r) && !(kind{}).Owned(f) {
			first[at], r = r, f
		}
		r.Sibling = " " + r.Type.String() + hopText(r.Via, r.Dev) + " proto " + strconv.Itoa(int(r.Proto))
	}
}

// Owned reports whether linkd created the route.
func (kind) Owned(have *Route) bool { return have.Proto == address.Mark }

// Diff compares two routes.
func (k kind) Diff(want, have *Route) []reconcile.Field {
	var fs reconcile.Fields
	if want.partial {
		compareAttributes(&fs, want, have)
		return fs
	}
	reconcile.Compare(&fs, "type", &want.Type, have.Type)
	compareWhere(&fs, want, have)
	if have.Object != 0 {
		fs.Differ("nhid", strconv.Itoa(int(have.Object)), "")
	}
	compareAttributes(&fs, want, have)
	switch {
	case k.Owned(have):
	case k.ComesWith(want, have):
		fs.DifferMark("mark", "", "linkd")
	case len(fs) > 0:
		fs.DifferMark("proto", Protocol(have.Proto).String(), Protocol(address.Mark).String())
	}
	return fs
}

// compareAttributes compares what a file can leave open.
func compareAttributes(fs *reconcile.Fields, want, have *Route) {
	if there := valueOf(have.Src); want.Src != nil && *want.Src != there {
		fs.Differ("src", addrText(there), addrText(*want.Src))
	}
	reconcile.Compare(fs, "scope", want.Scope, valueOf(have.Scope))
	if len(want.Hops) == 0 && len(have.Hops) == 0 {
		reconcile.Compare(fs, "onlink", want.OnLink, valueOf(have.OnLink))
	}
	reconcile.Compare(fs, "pref", want.Pref, valueOf(have.Pref))
	want.Metrics.compare(fs, &have.Metrics)
}

// ComesWith reports whether linkd adopts have together with its link. A route that leads elsewhere is foreign, although it has the
// same ID. A route with attributes that linkd does not know would lose them when linkd replaces it.
func (kind) ComesWith(want, have *Route) bool {
	return want.Replace || want.Adopt && want.Dev == have.Dev && len(have.Hops) == 0 && !have.Shared && have.whyNotInFiles() == "" && Protocol(have.Proto).IsAdministrators()
}

// compareWhere compares where packets go. It ignores the kernel's flags of nexthops, dead and linkdown.
func compareWhere(fs *reconcile.Fields, want, have *Route) {
	if len(want.Hops) == 0 && len(have.Hops) == 0 {
		if want.Via != have.Via {
			fs.Differ("via", addrText(have.Via), addrText(want.Via))
		}
		if want.Dev != "" && want.Dev != have.Dev {
			fs.Differ("dev", have.Dev, want.Dev)
		}
		if h, w := have.Encap.String(), want.Encap.String(); h != w {
			fs.Differ("encap", h, w)
		}
		return
	}
	if missing, surplus := compareHops(want.hops(), have.hops(), Hop.is); len(missing)+len(surplus) > 0 {
		fs.Differ("nexthops", have.nextHops(), want.nextHops())
	}
}

// nextHops returns the nexthops of a route as text; "" if the route ends here.
func (r *Route) nextHops() string {
	if len(r.Hops) == 0 {
		return strings.TrimPrefix(hopText(r.Via, r.Dev), " ")
	}
	hops := make([]string, len(r.Hops))
	for i, h := range r.Hops {
		hops[i] = h.String()
	}
	return strings.Join(hops, ", ")
}

func addrText(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func valueOf[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
