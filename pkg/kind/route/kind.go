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

// Kind is the routes. The kernel does not announce an IPv4 route that goes because its device goes down or loses its
// last address (fib_flush in net/ipv4/fib_frontend.c), so those are heard too.
var Kind = reconcile.Register[*Route](kindName, kind{}, reconcile.Capabilities[*Route]{
	Topics:    []observe.Topic{observe.RouteTopic, observe.LinkTopic, observe.AddressTopic},
	Lookup:    kind{},
	Ownership: reconcile.Ownership[*Route]{Adopts: kind{}.ComesWith, Taken: taken},
	Show:      kind{}.Show,
	Contents:  contents,
})

type kind struct{}

// taken says what to do about a route of a container's that has the place of a wanted one.
func taken(want, have *Route, engine string) string {
	if engine == "" {
		return ""
	}
	return fmt.Sprintf("%s already has a route to %s that %s created. Start the container with --network none, or give this route a metric", want.NS, want.ID().Key, engine)
}

// Observe finds all routes, or, to compare, those that matter for what is wanted.
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

// observeAmong finds linkd's routes, and those of others that stand in the place of wanted ones: a routing daemon can have a
// hundred thousand. The kernel leaves out of a dump what is of another protocol, which costs a tenth of a list of everything.
// That is needed only where something is to be done: what is missing may have another's route in its place, and what is to
// be changed may have one beside it (see Diff). The kernel cannot be asked whether a place is free: to one whose route is
// a throw, or is dead, it answers as if there were none.
func (k kind) observeAmong(ctx context.Context, ns *observe.NS, wanted []*Route) ([]*Route, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	own, err := list(ns, links, address.Mark, nil)
	if err != nil || k.holds(own, wanted) {
		return own, err
	}
	places := make(map[place]bool, len(wanted))
	for _, w := range wanted {
		places[w.place()] = true
	}
	return list(ns, links, 0, places)
}

// holds tells whether all that is wanted is among found, as it is wanted.
func (k kind) holds(found, wanted []*Route) bool {
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

// nameSiblings gives each of several routes of one place an ID of its own. The kernel takes the second one only from
// `ip route append` and from itself, so linkd's, if it is among them, is the one meant.
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
		r.Sibling = " " + r.Type.String() + wayOf(r.Via, r.Dev) + " proto " + strconv.Itoa(int(r.Proto))
	}
}

// Owned implements reconcile.Kind.
func (kind) Owned(have *Route) bool { return have.Proto == address.Mark }

// Diff implements reconcile.Kind.
func (k kind) Diff(want, have *Route) []reconcile.Field {
	var fs reconcile.Fields
	reconcile.Compare(&fs, "type", &want.Type, have.Type)
	compareWhere(&fs, want, have)
	if have.Object != 0 {
		fs.Differ("nhid", strconv.Itoa(int(have.Object)), "")
	}
	if want.Src != nil && (have.Src == nil || *want.Src != *have.Src) {
		h := ""
		if have.Src != nil {
			h = have.Src.String()
		}
		fs.Differ("src", h, want.Src.String())
	}
	reconcile.Compare(&fs, "scope", want.Scope, valueOf(have.Scope))
	reconcile.Compare(&fs, "onlink", want.OnLink, valueOf(have.OnLink))
	reconcile.Compare(&fs, "mtu", want.MTU, valueOf(have.MTU))
	switch {
	case k.Owned(have):
	case k.ComesWith(want, have):
		fs.DifferMark("mark", "", "linkd")
	case len(fs) > 0:
		fs.DifferMark("proto", Protocol(have.Proto).String(), Protocol(address.Mark).String())
	}
	return fs
}

// ComesWith tells whether a file asks to take over have with its link: a route that leads elsewhere is another's, though it
// has the same ID, and one of which linkd does not know everything would lose that by being replaced.
func (kind) ComesWith(want, have *Route) bool {
	return want.Adopt && want.Dev == have.Dev && len(have.Hops) == 0 && !have.Shared && have.whyNotInFiles() == "" && Protocol(have.Proto).IsAdministrators()
}

// compareWhere compares where the packets go. The kernel's word on a way, that it is dead or has no carrier, is not of
// it.
func compareWhere(fs *reconcile.Fields, want, have *Route) {
	if len(want.Hops) == 0 && len(have.Hops) == 0 {
		if want.Via != have.Via {
			fs.Differ("via", addrText(have.Via), addrText(want.Via))
		}
		if want.Dev != "" && want.Dev != have.Dev {
			fs.Differ("dev", have.Dev, want.Dev)
		}
		return
	}
	if missing, surplus := compareWays(want.ways(), have.ways(), Hop.is); len(missing)+len(surplus) > 0 {
		fs.Differ("nexthops", have.nextHops(), want.nextHops())
	}
}

// nextHops are the ways of a route, in words; "" of one that goes nowhere.
func (r *Route) nextHops() string {
	if len(r.Hops) == 0 {
		return strings.TrimPrefix(wayOf(r.Via, r.Dev), " ")
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
