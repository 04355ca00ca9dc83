package route

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Hop is one nexthop of a route: a gateway, a device, or both. Via is the zero Addr if the destination is directly connected. Dev
// is "" if the gateway determines the device.
type Hop struct {
	Via netip.Addr
	Dev string
	// Weight is the nexthop's share of the traffic, 1 to 256; 1 for the only nexthop of a route.
	Weight int
	OnLink OnLink
}

// OnLink says whether the gateway counts as being on the link, though no subnet of the device has it. In a desired nexthop the
// zero value is not managed.
type OnLink uint8

// Values of OnLink.
const (
	notOnLink OnLink = 1 + iota
	isOnLink
)

// onLinkOf returns the value for a key or an observed flag; nil is not managed.
func onLinkOf(given *bool) OnLink {
	switch {
	case given == nil:
		return 0
	case *given:
		return isOnLink
	}
	return notOnLink
}

// given returns the value for which onLinkOf returns o.
func (o OnLink) given() *bool {
	if o == 0 {
		return nil
	}
	set := o == isOnLink
	return &set
}

func (h Hop) String() string {
	text := hopText(h.Via, h.Dev) + fmt.Sprintf(" weight %d", h.Weight)
	if h.OnLink == isOnLink {
		text += " onlink"
	}
	return strings.TrimPrefix(text, " ")
}

func hopText(via netip.Addr, dev string) string {
	hop := ""
	if via.IsValid() {
		hop += " via " + via.String()
	}
	if dev != "" {
		hop += " dev " + dev
	}
	return hop
}

// leads reports whether an observed nexthop leads where the desired one does. Any device will do if the desired one has none.
func (h Hop) leads(want Hop) bool {
	return h.Via == want.Via && (want.Dev == "" || h.Dev == want.Dev)
}

// is reports whether an observed nexthop has the desired weight, too, and is on the link if that is desired.
func (h Hop) is(want Hop) bool {
	return h.leads(want) && h.Weight == want.Weight && (want.OnLink == 0 || h.OnLink == want.OnLink)
}

// hops returns the nexthops of any route. Most routes have one.
func (r *Route) hops() []Hop {
	if len(r.Hops) > 0 {
		return r.Hops
	}
	return []Hop{{Via: r.Via, Dev: r.Dev, Weight: 1, OnLink: onLinkOf(r.OnLink)}}
}

// withHops returns the route with other nexthops.
func (r *Route) withHops(hops ...Hop) *Route {
	other := *r
	other.setHops(hops)
	return &other
}

func (r *Route) setHops(hops []Hop) {
	r.Via, r.Dev, r.Hops, r.OnLink = netip.Addr{}, "", nil, nil
	if len(hops) == 1 {
		// The kernel does not store the weight of an only nexthop.
		r.Via, r.Dev, r.OnLink = hops[0].Via, hops[0].Dev, hops[0].OnLink.given()
		return
	}
	r.Hops = hops
}

// compareHops pairs each desired nexthop with an equal observed one, in any order. It returns the unpaired ones as missing and
// surplus.
func compareHops(want, have []Hop, same func(have, want Hop) bool) (missing, surplus []Hop) {
	surplus = slices.Clone(have)
	// Those with a device choose first.
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
