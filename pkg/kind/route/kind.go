package route

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Kind is the routes. The kernel does not announce an IPv4 route that goes because its device goes down or loses its
// last address (fib_flush in net/ipv4/fib_frontend.c), so those are heard too.
var Kind = reconcile.Register[*Route](kindName, kind{}, observe.RouteTopic, observe.LinkTopic, observe.AddressTopic)

type kind struct{}

// Observe implements reconcile.Kind.
func (kind) Observe(ctx context.Context, ns *observe.NS) ([]*Route, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	found, err := list(ns, links.NameOf)
	if err != nil {
		return nil, err
	}
	nameSiblings(found)
	return found, nil
}

// nameSiblings gives each of several routes of one destination, table and metric an ID of its own. The kernel takes
// the second one only from `ip route append` and from itself, so linkd's, if it is among them, is the one meant.
func nameSiblings(found []*Route) {
	type place struct {
		to            netip.Prefix
		table, metric uint32
	}
	first := make(map[place]*Route, len(found))
	for _, r := range found {
		at := place{r.To, r.Table, r.Metric}
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

// Diff implements reconcile.Kind. NLM_F_REPLACE changes everything, at once and for every packet; but it hits the
// first of several routes (fib_table_insert in net/ipv4/fib_trie.c), or all the ways of one
// (fib6_add_rt2node in net/ipv6/ip6_fib.c), whoever made them, so then linkd's own is deleted by name instead.
func (k kind) Diff(want, have *Route) []reconcile.Field {
	var fs reconcile.Fields
	reconcile.Compare(&fs, "type", &want.Type, have.Type)
	if w, h := gateway(want), gateway(have); w != h {
		fs.Differ("via", h, w)
	}
	if want.Dev != "" && want.Dev != have.Dev && len(have.Hops) == 0 {
		fs.Differ("dev", have.Dev, want.Dev)
	}
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
	if k.ComesWith(want, have) && !k.Owned(have) {
		fs.Differ("mark", "", "linkd")
	}
	if have.Shared || (len(have.Hops) > 0 && have.To.Addr().Is6()) {
		for i := range fs {
			fs[i].Replace = true
		}
	}
	return fs
}

// ComesWith implements reconcile.Fixture: a route that leads elsewhere is another's, though it has the same ID, and one
// of which linkd does not know everything would lose that by being replaced.
func (kind) ComesWith(want, have *Route) bool {
	return want.Adopt && want.Dev == have.Dev && len(have.Hops) == 0 && !have.Shared && have.unspeakable() == "" && have.byHand()
}

// gateway is where a route leads, in words; "" is to what is directly connected.
func gateway(r *Route) string {
	if len(r.Hops) > 0 {
		hops := make([]string, len(r.Hops))
		for i, h := range r.Hops {
			hops[i] = h.String()
		}
		return strings.Join(hops, ", ")
	}
	if !r.Via.IsValid() {
		return ""
	}
	return r.Via.String()
}

func valueOf[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

// Create implements reconcile.Kind.
func (k kind) Create(ctx context.Context, ns *observe.NS, want *Route) error {
	err := put(ns, want, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	found, lookErr := k.Observe(ctx, ns)
	if lookErr != nil {
		return lookErr
	}
	for _, have := range found {
		if have.ID() == want.ID() && k.Owned(have) && len(k.Diff(want, have)) == 0 {
			return nil
		}
	}
	return err
}

// Update implements reconcile.Kind. A route is replaced as a whole, so what is not managed is said as it was found.
func (kind) Update(_ context.Context, ns *observe.NS, want, have *Route) error {
	whole := *want
	if have.Type == want.Type && have.Dev == want.Dev && gateway(have) == gateway(want) {
		whole.Src = cmp.Or(want.Src, have.Src)
		whole.Scope = cmp.Or(want.Scope, have.Scope)
		whole.MTU = cmp.Or(want.MTU, have.MTU)
	}
	return put(ns, &whole, unix.NLM_F_REPLACE)
}

func put(ns *observe.NS, want *Route, flags int) error {
	err := onDevice(ns, want.Dev, func(index int) error { return ns.Change(newRoute(want, index, flags)) })
	if errors.Is(err, unix.EINVAL) && want.Src != nil && want.Src.Is6() {
		// The kernel does not take a tentative address for a source (ip6_route_info_create in net/ipv6/route.c), and
		// says of it what it says of an address that is not there.
		if tentative, lookErr := address.Tentative(ns, *want.Src); lookErr == nil && tentative {
			return observe.Pendingf("the source address %s is still tentative", want.Src)
		}
	}
	return err
}

// Delete implements reconcile.Kind. Everything that the kernel compares is said, so that nobody else's route is hit.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Route) error {
	ways := []Hop{{have.Via, have.Dev}}
	if len(have.Hops) > 0 && have.To.Addr().Is6() {
		// IPv6 shows routes of the same destination and metric as one with several ways and the mark of the first,
		// and they may be of several makers.
		ways = have.Hops
	}
	for _, way := range ways {
		err := onDevice(ns, way.Dev, func(index int) error { return ns.Change(delRoute(have, way.Via, index)) })
		if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return nil
}

func onDevice(ns *observe.NS, dev string, send func(index int) error) error {
	if dev == "" {
		return send(0)
	}
	return address.OnDevice(ns, dev, send)
}
