// Package route implements routes. linkd's routes have the protocol address.Mark.
package route

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const kindName = "route"

// Route is one route. Without Via, its destination is directly connected. linkd does not manage what is nil; in an observed route,
// nil means none.
type Route struct {
	NS string
	// To has no bits set after its prefix length. Its address has the family, even for a default route.
	To     netip.Prefix
	Table  spec.Table
	Metric uint32
	// TOS is the type of service of the packets; 0 for any. IPv6 has none.
	TOS  TOS
	Type Type
	// Via is the gateway; the zero Addr for none. An IPv4 route may have an IPv6 gateway (RFC 8950).
	Via netip.Addr
	// Dev is "" if the kernel finds the device through the gateway, or if the type has no device.
	Dev string
	// Hops has the nexthops of a route with several; then Via, Dev and OnLink are empty.
	Hops   []Hop
	Src    *netip.Addr
	Scope  *address.Scope
	OnLink *bool
	// Encap is what the kernel puts around the packets; nil for nothing, also in a desired route.
	Encap *Encap
	// Pref is the preference of an IPv6 route.
	Pref *Pref
	Metrics
	// Adopt: linkd adopts the device, and the route with it.
	Adopt bool
	// Replace: linkd removes what others have in the route's place, and puts it back later.
	Replace bool

	// The rest is set only in observed routes. Object is the ID of the route's nexthop object (ip-nexthop(8)).
	Object uint32
	Proto  uint8
	// Unsupported has the attributes that the files cannot express.
	Unsupported []string
	// Shared: the kernel has several routes with the plain ID. Sibling distinguishes them; it is "" for one of them.
	Shared  bool
	Sibling string
	Source  spec.Source

	// partial: only the attributes that a file can leave open count. restores: linkd restores some of them.
	partial, restores bool
	// referred has what the route needs besides its devices.
	referred []spec.ID
}

// place has the attributes by which the kernel distinguishes routes.
type place struct {
	to     netip.Prefix
	table  spec.Table
	metric uint32
	tos    TOS
}

func (r *Route) place() place { return place{r.To, r.Table, r.Metric, r.TOS} }

// ID returns the ID. Its key is the route's place in the syntax of ip-route(8): destination, type of service,
// table and metric.
func (r *Route) ID() spec.ID {
	key := r.To.String()
	if r.To.Bits() == 0 {
		if key = "default"; r.To.Addr().Is6() {
			key = "default inet6"
		}
	}
	if r.TOS != 0 {
		key += " tos " + r.TOS.String()
	}
	if r.Table != unix.RT_TABLE_MAIN {
		key += fmt.Sprintf(" table %d", r.Table)
	}
	if r.Metric != defaultMetric(r.To) {
		key += fmt.Sprintf(" metric %d", r.Metric)
	}
	return spec.ID{NS: r.NS, Kind: kindName, Key: key + r.Sibling}
}

// defaultMetric returns the metric of a route without one: for IPv6 IP6_RT_PRIO_USER (linux/ipv6_route.h), which the kernel also
// uses instead of 0, and 0 for IPv4.
func defaultMetric(to netip.Prefix) uint32 {
	if to.Addr().Is6() {
		return 1024
	}
	return 0
}

// Needs returns the devices, and the addresses that refer has found.
func (r *Route) Needs() []spec.ID {
	needs := make([]spec.ID, 0, len(r.Hops)+len(r.referred)+1)
	for _, hop := range r.hops() {
		if id := spec.LinkID(r.NS, hop.Dev); hop.Dev != "" && !slices.Contains(needs, id) {
			needs = append(needs, id)
		}
	}
	if r.Replace {
		needs = append(needs, spec.ReplacedID(r.NS, r.Replaces()))
	}
	return append(needs, r.referred...)
}

// Replaces returns what the route takes the place of; "" for nothing.
func (r *Route) Replaces() string {
	if !r.Replace {
		return ""
	}
	return kindName + " " + r.ID().Key
}

// refer sets what the route needs of the declared resources. The kernel accepts a source address only if it exists
// (fib_valid_prefsrc in net/ipv4/fib_semantics.c, ip6_route_info_create in net/ipv6/route.c), and a gateway only if it is
// reachable: a route without a device gets the device whose subnet contains the gateway.
func (r *Route) refer(all *spec.Set) {
	devices := map[string]bool{}
	for _, hop := range r.hops() {
		dev := hop.Dev
		if dev == "" && hop.Via.IsValid() {
			if dev = address.Beside(all, r.NS, hop.Via); dev != "" {
				r.referred = append(r.referred, spec.LinkID(r.NS, dev))
			}
		}
		if dev != "" && !devices[dev] {
			devices[dev] = true
			r.referred = append(r.referred, address.Membership(all, r.NS, dev)...)
		}
	}
	if r.Src == nil {
		return
	}
	if holder := address.Holder(all, r.NS, *r.Src, devices); holder != nil {
		r.referred = append(r.referred, holder.ID())
	}
}

func (r *Route) Relations() spec.Relations { return spec.Relations{LeadsTo: r.To} }

func (r *Route) Origin() spec.Source { return r.Source }
