// Package route is the kind of routes. linkd's have the routing protocol address.Mark.
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

// Route is one route, which is one statement: without Via it leads to what is directly connected. What is nil is not
// managed; in a route that was found, it is not there.
type Route struct {
	NS string
	// To has no bits set beyond its length. Its address tells the family, of a default route too.
	To     netip.Prefix
	Table  spec.Table
	Metric uint32
	Type   Type
	// Via is the gateway; the zero Addr is none. That of an IPv4 route may be an IPv6 address (RFC 8950).
	Via netip.Addr
	// Dev is "" where the kernel may choose: by the gateway, or because the type has no device.
	Dev string
	// Hops are the ways of a route that has several; then it has neither Via nor Dev.
	Hops   []Hop
	Src    *netip.Addr
	Scope  *address.Scope
	OnLink *bool
	// MTU is in bytes.
	MTU *uint32
	// Adopt: the device was taken over, and the route with it.
	Adopt bool

	// The rest is found only. Object is the nexthop object (ip-nexthop(8)) that a route goes by.
	Object uint32
	Proto  uint8
	// Unspoken are the attributes that linkd has no words for.
	Unspoken []string
	// Shared is set where the kernel has several routes of one ID, and Sibling for all but one of these: it is what to
	// tell that one by.
	Shared  bool
	Sibling string
	Source  spec.Source

	// referred is what it needs beside its devices.
	referred []spec.ID
}

// place is what the kernel tells routes apart by.
type place struct {
	to     netip.Prefix
	table  spec.Table
	metric uint32
}

func (r *Route) place() place { return place{r.To, r.Table, r.Metric} }

// ID is the route's place as ip-route(8) would say it: destination, table and metric.
func (r *Route) ID() spec.ID {
	key := r.To.String()
	if r.To.Bits() == 0 {
		if key = "default"; r.To.Addr().Is6() {
			key = "default inet6"
		}
	}
	if r.Table != unix.RT_TABLE_MAIN {
		key += fmt.Sprintf(" table %d", r.Table)
	}
	if r.Metric != defaultMetric(r.To) {
		key += fmt.Sprintf(" metric %d", r.Metric)
	}
	return spec.ID{NS: r.NS, Kind: kindName, Key: key + r.Sibling}
}

// defaultMetric is the metric of a route that is given none: IP6_RT_PRIO_USER (linux/ipv6_route.h), which the kernel
// also puts in the place of 0, and 0 for IPv4.
func defaultMetric(to netip.Prefix) uint32 {
	if to.Addr().Is6() {
		return 1024
	}
	return 0
}

// Needs implements spec.Resource.
func (r *Route) Needs() []spec.ID {
	needs := make([]spec.ID, 0, len(r.Hops)+len(r.referred)+1)
	for _, way := range r.ways() {
		if id := spec.LinkID(r.NS, way.Dev); way.Dev != "" && !slices.Contains(needs, id) {
			needs = append(needs, id)
		}
	}
	return append(needs, r.referred...)
}

// refer notes what the route needs of all that is declared. The kernel takes a source address only when it is there
// (fib_valid_prefsrc in net/ipv4/fib_semantics.c, ip6_route_info_create in net/ipv6/route.c), and a gateway only when it
// is connected: where the device is left to the kernel, it will be the one with an address beside the gateway's.
func (r *Route) refer(all *spec.Set) {
	devices := map[string]bool{}
	for _, way := range r.ways() {
		dev := way.Dev
		if dev == "" && way.Via.IsValid() {
			if dev = address.Beside(all, r.NS, way.Via); dev != "" {
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

// Relations implements spec.Resource.
func (r *Route) Relations() spec.Relations { return spec.Relations{LeadsTo: r.To} }

// Origin implements spec.Resource.
func (r *Route) Origin() spec.Source { return r.Source }
