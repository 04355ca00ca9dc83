package address

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"linkd/pkg/spec"
)

// noHost returns why an address is that of a whole subnet, and not of a host in it; "" otherwise. In a subnet of two addresses both
// are hosts' (RFC 3021, RFC 6164), and an address with a peer is in no subnet.
func noHost(e entry) string {
	p := e.Address.Prefix
	if e.Peer != nil || p.Addr().BitLen()-p.Bits() < 2 {
		return ""
	}
	switch {
	case p.Addr() == p.Masked().Addr() && p.Addr().Is6():
		return fmt.Sprintf("%s is the anycast address of the routers of its subnet (RFC 4291, 2.6.1): give the interface an address in it, such as %s", p, netip.PrefixFrom(p.Addr().Next(), p.Bits()))
	case p.Addr() == p.Masked().Addr():
		return fmt.Sprintf("%s is the address of a network: give the interface an address in it, such as %s", p, netip.PrefixFrom(p.Addr().Next(), p.Bits()))
	case p.Addr().Is4() && !p.Contains(p.Addr().Next()):
		return fmt.Sprintf("%s is the broadcast address of its network: give the interface another address in it", p)
	}
	return ""
}

// FirstIPv6 returns the first IPv6 address that the files declare on each interface of a namespace. The map belongs to the
// set.
func FirstIPv6(all *spec.Set, ns string) map[string]*Address { return indexOf(all, ns).six }

// Reaches reports whether ip is in a subnet of an address that the files declare on an interface. known is false if they
// declare none of its family there, apart from link-local ones.
func Reaches(all *spec.Set, ns, dev string, ip netip.Addr) (reaches, known bool) {
	x := indexOf(all, ns)
	for _, length := range x.lengths {
		if subnet, err := ip.Prefix(length); err == nil && x.onLink[deviceSubnet{dev, subnet}] {
			return true, true
		}
	}
	return false, x.families[deviceFamily{dev, ip.Is6()}]
}

// routed is an address whose subnet has a route, and the table of the route.
type routed struct {
	*Address
	subnet netip.Prefix
	table  spec.ID
}

// reportOverlaps warns, for each namespace, about two interfaces with overlapping subnets: packets to an address in both leave by
// one of them. Subnets in different VRFs do not overlap. It does not warn if a metric, policy rules or proxy ARP show that the
// overlap is intended.
func reportOverlaps(c *spec.Context) {
	in := map[string][]routed{}
	for _, r := range c.All().All() {
		if a, is := r.(*Address); is && a.getsRoute() {
			in[a.NS] = append(in[a.NS], routed{a, a.Prefix.Masked(), routesIn(c.All(), a)})
		}
	}
	for ns, all := range in {
		if len(c.All().In(ns, "rule")) > 0 || answersForOthers(c.All(), ns) {
			continue
		}
		slices.SortStableFunc(all, func(a, b routed) int {
			return cmp.Or(a.table.Compare(b.table), a.subnet.Addr().Compare(b.subnet.Addr()), cmp.Compare(a.subnet.Bits(), b.subnet.Bits()))
		})
		// Two subnets are disjoint, or one contains the other, so around has the subnets that contain the next one.
		var around []routed
		for _, a := range all {
			for len(around) > 0 && (around[len(around)-1].table != a.table || !around[len(around)-1].subnet.Overlaps(a.subnet)) {
				around = around[:len(around)-1]
			}
			if len(around) > 0 && around[len(around)-1].Dev != a.Dev {
				other := around[len(around)-1]
				c.Warn(a.Source, "%s of %s overlaps %s of %s in %s (%s): packets to %s leave by one of the two",
					a.subnet, a.Dev, other.subnet, other.Dev, ns, other.Source, a.subnet)
			}
			around = append(around, a)
		}
	}
}

// getsRoute reports whether the kernel creates a route to the address's subnet with its defaults.
func (a *Address) getsRoute() bool {
	ip := a.Prefix.Addr()
	return a.Peer == nil && a.Metric == nil && !a.leased && !spec.ValueOr(a.NoPrefixRoute, false) && ip.BitLen()-a.Prefix.Bits() >= 2 &&
		!ip.IsLoopback() && !ip.IsLinkLocalUnicast()
}

// routesIn returns what determines the routing table of an address: the VRF of its interface, or a master that may be one; zero for
// the main table.
func routesIn(all *spec.Set, a *Address) spec.ID {
	port, is := all.Get(spec.ID{NS: a.NS, Kind: "port", Key: a.Dev}).(interface{ MasterID() spec.ID })
	if !is || port.MasterID().Key == "" {
		if own, is := all.Get(spec.LinkID(a.NS, a.Dev)).(interface{ ResetsPorts() bool }); is && own.ResetsPorts() {
			return spec.LinkID(a.NS, a.Dev)
		}
		return spec.ID{}
	}
	master := all.Get(port.MasterID())
	if vrf, is := master.(interface{ ResetsPorts() bool }); is && !vrf.ResetsPorts() && !master.Relations().OnlyFound {
		return spec.ID{}
	}
	return port.MasterID()
}

// answersForOthers reports whether the files make the namespace answer for addresses of other interfaces (proxy ARP).
func answersForOthers(all *spec.Set, ns string) bool {
	for _, r := range all.In(ns, "sysctl") {
		if key := r.ID().Key; len(key) > 9 && (key[len(key)-9:] == "proxy_arp" || key[len(key)-9:] == "proxy_ndp") {
			return true
		}
	}
	return slices.ContainsFunc(all.In(ns, "neighbour"), func(r spec.Resource) bool {
		n, is := r.(interface{ IsProxy() bool })
		return is && n.IsProxy()
	})
}
