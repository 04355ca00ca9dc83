package route

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// Of linux/rtnetlink.h, for golang.org/x/sys has it not.
const rtaNhID = 30

// newRoute makes the request for an RTM_NEWROUTE (rtnetlink(7)); index 0 is no device.
func newRoute(r *Route, index, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, flags)
	head := addIdentity(req, r, r.Via, index)
	head.Scope = scopeOf(r)
	if valueOf(r.OnLink) {
		head.Flags |= unix.RTNH_F_ONLINK
	}
	if r.Src != nil {
		req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, r.Src.AsSlice()))
	}
	if r.MTU != nil {
		metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
		metrics.AddRtAttr(unix.RTAX_MTU, nl.Uint32Attr(*r.MTU))
		req.AddData(metrics)
	}
	return req
}

// scopeOf is the scope that ip-route(8) gives to a route unless told otherwise.
func scopeOf(r *Route) uint8 {
	switch {
	case r.To.Addr().Is6():
		return unix.RT_SCOPE_UNIVERSE
	case r.Scope != nil:
		return uint8(*r.Scope)
	case r.Type == unix.RTN_LOCAL:
		return unix.RT_SCOPE_HOST
	case r.Type == unix.RTN_BROADCAST, r.Type == unix.RTN_MULTICAST, r.Type == unix.RTN_UNICAST && !r.Via.IsValid():
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

// delRoute makes the request to delete one way of a route. RT_SCOPE_NOWHERE is any scope (fib_table_delete in
// net/ipv4/fib_trie.c). An IPv6 route that is named without its gateway goes with all its ways (ip6_route_del in
// net/ipv6/route.c).
func delRoute(r *Route, via netip.Addr, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_DELROUTE, 0)
	addIdentity(req, r, via, index).Scope = unix.RT_SCOPE_NOWHERE
	return req
}

func addIdentity(req *nl.NetlinkRequest, r *Route, via netip.Addr, index int) *nl.RtMsg {
	to := r.To.Addr()
	head := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: unix.AF_INET, Dst_len: uint8(r.To.Bits()), Protocol: address.Mark, Type: uint8(r.Type),
	}}
	if to.Is6() {
		head.Family = unix.AF_INET6
	}
	req.AddData(head)
	if r.To.Bits() > 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_DST, to.AsSlice()))
	}
	if via.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, via.AsSlice()))
	}
	if index != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	}
	req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(r.Table)))
	if r.Metric != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(r.Metric)))
	}
	return head
}

// list dumps the routes of both families. Strict checking leaves out the cached ones by itself.
func list(ns *observe.NS, nameOf func(index int) string) ([]*Route, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{})
	msgs, err := ns.Request(req, unix.RTM_NEWROUTE)
	if err != nil {
		return nil, err
	}
	found := make([]*Route, 0, len(msgs))
	for _, msg := range msgs {
		if !relevant(nl.DeserializeRtMsg(msg)) {
			continue
		}
		r, ok, err := parse(msg, nameOf)
		if err != nil {
			return nil, err
		}
		if ok {
			r.NS = ns.Name
			found = append(found, r)
		}
	}
	return found, nil
}

// relevant leaves out what linkd has no words for (by type of service, by source), the kernel's own book of local and
// broadcast addresses, and what it learned on the way.
func relevant(head *nl.RtMsg) bool {
	switch {
	case head.Family != unix.AF_INET && head.Family != unix.AF_INET6,
		head.Tos != 0, head.Src_len != 0,
		head.Flags&unix.RTM_F_CLONED != 0,
		head.Protocol == unix.RTPROT_REDIRECT,
		head.Table == unix.RT_TABLE_LOCAL && head.Protocol == unix.RTPROT_KERNEL:
		return false
	}
	return true
}

// parse reads an RTM_NEWROUTE message. It is not ok when a device has no name: that came after the links were listed,
// and the news of it is on its way.
func parse(msg []byte, nameOf func(index int) string) (r *Route, ok bool, err error) {
	head := nl.DeserializeRtMsg(msg)
	attrs, err := observe.Attrs(msg[unix.SizeofRtMsg:])
	if err != nil {
		return nil, false, err
	}
	dst := netip.IPv4Unspecified()
	if head.Family == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	if ip, has := netip.AddrFromSlice(attrs[unix.RTA_DST]); has {
		dst = ip
	}
	onLink := head.Flags&unix.RTNH_F_ONLINK != 0
	r = &Route{
		To:     netip.PrefixFrom(dst, int(head.Dst_len)),
		Table:  uint32(observe.Number(attrs[unix.RTA_TABLE])),
		Metric: uint32(observe.Number(attrs[unix.RTA_PRIORITY])),
		Type:   Type(head.Type),
		Via:    gatewayIn(attrs),
		OnLink: &onLink,
		Object: uint32(observe.Number(attrs[rtaNhID])),
		Proto:  head.Protocol,
	}
	if ip, has := netip.AddrFromSlice(attrs[unix.RTA_PREFSRC]); has {
		r.Src = &ip
	}
	if dst.Is4() {
		scope := address.Scope(head.Scope)
		r.Scope = &scope
	}
	if b := attrs[unix.RTA_METRICS]; b != nil {
		metrics, err := observe.Attrs(b)
		if err != nil {
			return nil, false, err
		}
		if mtu := uint32(observe.Number(metrics[unix.RTAX_MTU])); mtu != 0 {
			r.MTU = &mtu
		}
	}
	// IPv6 says of a route that ends here that it leads to the loopback device.
	if index := int(observe.Number(attrs[unix.RTA_OIF])); index != 0 && !r.Type.ends() {
		if r.Dev = nameOf(index); r.Dev == "" {
			return nil, false, nil
		}
	}
	r.Unspoken = unspoken(attrs)
	r.Hops, err = hopsIn(attrs[unix.RTA_MULTIPATH], nameOf)
	return r, true, err
}

// gatewayIn reads the gateway, which may be of the other family than the destination (struct rtvia).
func gatewayIn(attrs map[uint16][]byte) netip.Addr {
	if ip, has := netip.AddrFromSlice(attrs[unix.RTA_GATEWAY]); has {
		return ip
	}
	if via := attrs[unix.RTA_VIA]; len(via) > 2 {
		ip, _ := netip.AddrFromSlice(via[2:])
		return ip
	}
	return netip.Addr{}
}

// hopsIn reads a list of struct rtnexthop, each with attributes of its own.
func hopsIn(b []byte, nameOf func(index int) string) (hops []Hop, err error) {
	for len(b) >= unix.SizeofRtNexthop {
		next := nl.DeserializeRtNexthop(b)
		length := int(next.RtNexthop.Len)
		if length < unix.SizeofRtNexthop || length > len(b) {
			return nil, unix.EINVAL
		}
		attrs, err := observe.Attrs(b[unix.SizeofRtNexthop:length])
		if err != nil {
			return nil, err
		}
		hops = append(hops, Hop{Via: gatewayIn(attrs), Dev: nameOf(int(next.Ifindex))})
		b = b[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(b)):]
	}
	return hops, nil
}
