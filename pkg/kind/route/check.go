package route

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// mostHops is the largest number of nexthops of a route: ip-route(8) has room for no more (parse_nexthops in ip/iproute.c).
const mostHops = 255

// checkSeveral is check for a route with nexthops. dev is the device of the route itself.
func (e *entry) checkSeveral(c *spec.Context, dev spec.IfName) error {
	switch {
	case len(e.hops) == 0:
		return fmt.Errorf("%s: nexthops is an empty list", e.To)
	case len(e.hops) > mostHops:
		return fmt.Errorf("%s: %d nexthops, and there can be %d", e.To, len(e.hops), mostHops)
	case e.Via != nil || dev != "":
		return fmt.Errorf("%s: via and dev stand in each of the nexthops, or there are none", e.To)
	case e.kind() != unix.RTN_UNICAST:
		return fmt.Errorf("%s: a %s route has no nexthops", e.To, e.kind())
	case e.Encap != nil:
		return fmt.Errorf("%s: encap is for a route with one next hop", e.To)
	}
	for i, w := range e.hops {
		for _, before := range e.hops[:i] {
			if w.leads(before.Hop) || before.leads(w.Hop) {
				c.Reject(w.source, "%s: there is a nexthop%s already: give it a weight instead", e.To, hopText(w.Via, w.Dev))
				return nil
			}
		}
		if !w.Via.IsValid() && e.prefix().Addr().Is6() && len(e.hops) > 1 {
			// ip6_route_multipath_add in net/ipv6/route.c.
			c.Reject(w.source, "%s: via is missing: IPv6 has no nexthops without a gateway", e.To)
			return nil
		}
	}
	return e.check(c)
}

// check rejects what the kernel would refuse, and what it would silently ignore.
func (e *entry) check(c *spec.Context) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", e.To, fmt.Sprintf(format, args...))
	}
	src, to, t, first := addrOf(e.Src), e.prefix(), e.kind(), e.hops[0]
	switch {
	case e.Family != nil && !e.To.both:
		return wrong("family is for a default route; this one's is known")
	case e.Src != nil && src.Is4() != to.Addr().Is4():
		return wrong("the source %s is of the other address family", src)
	case t.ends() && (first.Via.IsValid() || first.Dev != ""):
		return wrong("a %s route has neither via nor dev", t)
	case t != unix.RTN_UNICAST && e.Encap != nil:
		return wrong("a %s route has no encap", t)
	case t != unix.RTN_UNICAST && first.Via.IsValid():
		return wrong("a %s route has no via", t)
	case t.ends() && e.OnLink != nil && *e.OnLink:
		return wrong("onlink is about a gateway on a device, and a %s route has none", t)
	case e.Scope != nil && to.Addr().Is6():
		// The kernel ignores it (rtm_to_fib6_config in net/ipv6/route.c).
		return wrong("scope is for IPv4 routes only")
	case e.TOS != nil && to.Addr().Is6():
		// rtm_to_fib6_config in net/ipv6/route.c.
		return wrong("tos is for IPv4 routes only")
	case e.Pref != nil && to.Addr().Is4():
		return wrong("pref is for IPv6 routes only")
	case t == unix.RTN_BROADCAST && to.Addr().Is6():
		return wrong("IPv6 has no broadcast")
	case t.ends():
		return nil
	}
	for _, w := range e.hops {
		if err := e.checkWay(w.Hop); err != nil {
			c.Reject(w.source, "%s: %v", e.To, err)
		}
	}
	return nil
}

func (e *entry) checkWay(h Hop) error {
	switch {
	case !h.Via.IsValid() && h.Dev == "":
		return errors.New("via or dev is missing")
	case h.OnLink == isOnLink && (!h.Via.IsValid() || h.Dev == ""):
		return errors.New("onlink is about a gateway on a device: via and dev are needed")
	case !h.Via.IsValid():
		return nil
	case h.Via.Is4() && e.prefix().Addr().Is6():
		return fmt.Errorf("the gateway %s is of the other address family", h.Via)
	case h.Via.IsUnspecified() || h.Via.IsMulticast():
		return fmt.Errorf("%s cannot be a gateway", h.Via)
	case h.Via.Is6() && h.Via.IsLinkLocalUnicast() && h.Dev == "":
		return fmt.Errorf("the gateway %s is link-local, so dev is needed", h.Via)
	}
	return nil
}
