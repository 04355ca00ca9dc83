package route

import (
	"fmt"
	"net/netip"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

// warn reports a gateway that is in no subnet of its interface, and an interface that is declared down: the kernel refuses both
// (fib_check_nh in net/ipv4/fib_semantics.c, ip6_route_check_nh in net/ipv6/route.c). It is called when all files are read.
func (r *Route) warn(c *spec.Context) {
	for _, way := range r.ways() {
		if way.Dev == "" {
			continue
		}
		link := c.Declared(spec.LinkID(r.NS, way.Dev))
		if link == nil {
			continue
		}
		if l, is := link.(interface{ DeclaredDown() bool }); is && l.DeclaredDown() {
			c.Once(fmt.Sprintf("routes on %s, which is down", link.ID()), func() {
				c.Warn(r.Source, "%s of %s is down (up: false, %s), and the kernel has no routes by an interface that is down", way.Dev, r.NS, link.Origin())
			})
		}
		if link.Relations().OnlyFound || !way.Via.IsValid() || way.Via.IsLinkLocalUnicast() || r.OnLink != nil && *r.OnLink {
			// An interface that linkd finds may have other addresses.
			continue
		}
		if reaches, known := address.Reaches(c.All(), r.NS, way.Dev, way.Via); !reaches && known && !isOnLink(c.All(), r.NS, way.Dev, way.Via) {
			c.Warn(r.Source, "the gateway %s is in no subnet of %s in %s: correct it or the address there, or write onlink: true",
				way.Via, way.Dev, r.NS)
		}
	}
}

// direct are the declared routes of a namespace that need no gateway, by interface and destination.
type direct struct {
	to      map[deviceRoute]bool
	lengths map[int]bool
}

type deviceRoute struct {
	dev string
	to  netip.Prefix
}

// isOnLink reports whether a declared route without a gateway leads to ip by an interface.
func isOnLink(all *spec.Set, ns, dev string, ip netip.Addr) bool {
	x := spec.IndexOf(all, ns, kindName, func(routes []spec.Resource) *direct {
		x := &direct{to: map[deviceRoute]bool{}, lengths: map[int]bool{}}
		for _, r := range routes {
			r := r.(*Route)
			for _, way := range r.ways() {
				if !way.Via.IsValid() && way.Dev != "" {
					x.to[deviceRoute{way.Dev, r.To}] = true
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
