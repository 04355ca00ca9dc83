package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Hop is one of the ways of a route: by a gateway, by a device, or both. Via is the zero Addr where what is beyond is
// directly connected, Dev is "" where the gateway tells.
type Hop struct {
	Via netip.Addr
	Dev string
	// Weight is the way's share of the traffic, 1 to 256; that of the only way of a route is 1.
	Weight int
}

func (h Hop) String() string {
	return strings.TrimPrefix(wayOf(h.Via, h.Dev)+fmt.Sprintf(" weight %d", h.Weight), " ")
}

func wayOf(via netip.Addr, dev string) string {
	way := ""
	if via.IsValid() {
		way += " via " + via.String()
	}
	if dev != "" {
		way += " dev " + dev
	}
	return way
}

// leads tells whether a found way is a wanted one. Where no device is asked for, any will do.
func (h Hop) leads(want Hop) bool {
	return h.Via == want.Via && (want.Dev == "" || h.Dev == want.Dev)
}

// is tells whether a found way also has the wanted one's share.
func (h Hop) is(want Hop) bool { return h.leads(want) && h.Weight == want.Weight }

// ways are the ways of any route: of most there is one.
func (r *Route) ways() []Hop {
	if len(r.Hops) > 0 {
		return r.Hops
	}
	return []Hop{{Via: r.Via, Dev: r.Dev, Weight: 1}}
}

// by is the route by other ways.
func (r *Route) by(ways ...Hop) *Route {
	other := *r
	other.setWays(ways)
	return &other
}

func (r *Route) setWays(ways []Hop) {
	r.Via, r.Dev, r.Hops = netip.Addr{}, "", nil
	if len(ways) == 1 {
		// The kernel forgets the weight of the only way, and shows it as that of any route.
		r.Via, r.Dev = ways[0].Via, ways[0].Dev
		return
	}
	r.Hops = ways
}

// compareWays pairs each wanted way with a found one that is the same. What stays alone is missing or surplus; the order
// means nothing.
func compareWays(want, have []Hop, same func(have, want Hop) bool) (missing, surplus []Hop) {
	surplus = slices.Clone(have)
	// Those that say their device choose first.
	for _, picky := range []bool{true, false} {
		for _, w := range want {
			if (w.Dev != "") != picky {
				continue
			}
			if i := slices.IndexFunc(surplus, func(h Hop) bool { return same(h, w) }); i >= 0 {
				surplus = slices.Delete(surplus, i, i+1)
			} else {
				missing = append(missing, w)
			}
		}
	}
	return missing, surplus
}
