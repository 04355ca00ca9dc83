package route

import (
	"fmt"
	"net/netip"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

// warn warns about a gateway that is in no subnet of its interface, and about an interface that the files set down: the kernel
// refuses both (fib_check_nh in net/ipv4/fib_semantics.c, ip6_route_check_nh in net/ipv6/route.c). linkd calls it after it has read
// all files.
func (r *Route) warn(c *spec.Context) {
	for _, hop := range r.hops() {
		if hop.Dev == "" {
			continue
		}
		link := c.Declared(spec.LinkID(r.NS, hop.Dev))
		if link == nil {
			continue
		}
		if l, is := link.(interface{ DeclaredDown() bool }); is && l.DeclaredDown() {
			c.Once(fmt.Sprintf("routes on %s, which is down", link.ID()), func() {
				c.Warn(r.Source, "%s of %s is down (up: false, %s), and the kernel has no routes by an interface that is down", hop.Dev, r.NS, link.Origin())
			})
		}
		if link.Relations().OnlyFound || !hop.Via.IsValid() || hop.Via.IsLinkLocalUnicast() || hop.OnLink == isOnLink {
			// An existing interface may have other addresses.
			continue
		}
		if reaches, known := address.Reaches(c.All(), r.NS, hop.Dev, hop.Via); !reaches && known && !isDirect(c.All(), r.NS, hop.Dev, hop.Via) {
			c.Warn(r.Source, "the gateway %s is in no subnet of %s in %s: correct it or the address there, or write onlink: true",
				hop.Via, hop.Dev, r.NS)
		}
	}
}

// direct has the declared routes of a namespace without a gateway, by interface and destination.
type direct struct {
	to      map[deviceRoute]bool
	lengths map[int]bool
}

type deviceRoute struct {
	dev string
	to  netip.Prefix
}

// isDirect reports whether a declared route without a gateway leads to ip by an interface.
func isDirect(all *spec.Set, ns, dev string, ip netip.Addr) bool {
	x := spec.IndexOf(all, ns, kindName, func(routes []spec.Resource) *direct {
		x := &direct{to: map[deviceRoute]bool{}, lengths: map[int]bool{}}
		for _, r := range routes {
			r := r.(*Route)
			for _, hop := range r.hops() {
				if !hop.Via.IsValid() && hop.Dev != "" {
					x.to[deviceRoute{hop.Dev, r.To}] = true
					x.lengths[r.To.Bits()] = true
				}
			}
		}
		return x
	})
	for length := range x.lengths {
		if to, err := ip.Prefix(length); err == nil && x.to[deviceRoute{dev, to}] {
			return true
		}
	}
	return false
}
