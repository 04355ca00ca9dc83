package route

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
)

// The number is that of linux/rtnetlink.h: golang.org/x/sys does not have it.
const rtaNhID = 30

// newRoute returns an RTM_NEWROUTE request (rtnetlink(7)). indexes has the device index of each nexthop; 0 for none.
func newRoute(r *Route, indexes []int, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, flags)
	head := addPlace(req, r)
	head.Scope = scopeOf(r)
	if len(r.Hops) == 0 {
		head.Flags |= uint32(onLinkOf(r.OnLink).flags())
		addWay(req, r, indexes[0])
	} else {
		req.AddData(hopsAttr(r, indexes))
	}
	for _, a := range r.Encap.attrs() {
		req.AddData(a)
	}
	if r.hasSource() {
		req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, r.Src.AsSlice()))
	}
	if r.Pref != nil {
		req.AddData(nl.NewRtAttr(unix.RTA_PREF, []byte{byte(*r.Pref)}))
	}
	if metrics := r.Metrics.attr(); metrics != nil {
		req.AddData(metrics)
	}
	return req
}

// flags returns the flags of a nexthop.
func (o OnLink) flags() uint8 {
	if o == isOnLink {
		return unix.RTNH_F_ONLINK
	}
	return 0
}

// scopeOf returns the default scope of a route in ip-route(8).
func scopeOf(r *Route) uint8 {
	switch {
	case r.To.Addr().Is6():
		return unix.RT_SCOPE_UNIVERSE
	case r.Scope != nil:
		return uint8(*r.Scope)
	case r.Type == unix.RTN_LOCAL:
		return unix.RT_SCOPE_HOST
	case r.Type == unix.RTN_BROADCAST, r.Type == unix.RTN_MULTICAST, r.Type == unix.RTN_ANYCAST,
		r.Type == unix.RTN_UNICAST && !r.Via.IsValid() && len(r.Hops) == 0:
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

// delRoute returns the request to delete a route, or one nexthop of a route. RT_SCOPE_NOWHERE matches any scope (fib_table_delete
// in net/ipv4/fib_trie.c). For an IPv6 route without a gateway in the request, the kernel deletes all nexthops (ip6_route_del in
// net/ipv6/route.c).
func delRoute(r *Route, indexes []int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_DELROUTE, 0)
	addPlace(req, r).Scope = unix.RT_SCOPE_NOWHERE
	addWay(req, r, indexes[0])
	return req
}

func addPlace(req *nl.NetlinkRequest, r *Route) *nl.RtMsg {
	to := r.To.Addr()
	head := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: unix.AF_INET, Dst_len: uint8(r.To.Bits()), Tos: uint8(r.TOS), Protocol: address.Mark, Type: uint8(r.Type),
	}}
	if to.Is6() {
		head.Family = unix.AF_INET6
	}
	req.AddData(head)
	if r.To.Bits() > 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_DST, to.AsSlice()))
	}
	req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(uint32(r.Table))))
	if r.Metric != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(r.Metric)))
	}
	return head
}

func addWay(req *nl.NetlinkRequest, r *Route, index int) {
	if r.Via.IsValid() {
		req.AddData(gatewayAttr(r, r.Via))
	}
	if index != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	}
}

// gatewayAttr returns the attribute of a gateway. For a gateway of the other family than the destination it includes the family
// (struct rtvia).
func gatewayAttr(r *Route, via netip.Addr) *nl.RtAttr {
	if via.Is4() == r.To.Addr().Is4() {
		return nl.NewRtAttr(unix.RTA_GATEWAY, via.AsSlice())
	}
	return nl.NewRtAttr(unix.RTA_VIA, append(nl.Uint16Attr(unix.AF_INET6), via.AsSlice()...))
}

// hopsAttr returns a list of struct rtnexthop, each with its attributes.
func hopsAttr(r *Route, indexes []int) *nl.RtAttr {
	var list []byte
	for i, h := range r.Hops {
		next := nl.RtNexthop{RtNexthop: unix.RtNexthop{Flags: h.OnLink.flags(), Hops: uint8(h.Weight - 1), Ifindex: int32(indexes[i])}}
		if h.Via.IsValid() {
			next.Children = append(next.Children, gatewayAttr(r, h.Via))
		}
		list = append(list, next.Serialize()...)
	}
	return nl.NewRtAttr(unix.RTA_MULTIPATH, list)
}
