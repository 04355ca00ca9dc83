package address

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// companion is a route that the kernel creates together with an address: to the address itself, to its subnet, to its broadcast
// address, or to multicast groups. A program can delete the route alone, and the kernel does not create it again.
type companion struct {
	index  int
	table  uint32
	kind   uint8 // RTN_* in linux/rtnetlink.h
	to     netip.Prefix
	metric uint32
	source netip.Addr // preferred source; the zero Addr for none
	// young: the kernel may not have created it yet.
	young bool
	// of is the address of an anycast route.
	of netip.Addr
	// common: other addresses of the interface have the route in common (see noteAnycast).
	common bool
}

// place returns the attributes that identify a companion. A route with another metric is as good.
func (c companion) place() companion {
	return companion{index: c.index, table: c.table, kind: c.kind, to: c.to}
}

func (c companion) String() string {
	if c.kind == linkLocal {
		return "the link-local address"
	}
	if name := map[uint8]string{unix.RTN_LOCAL: "local ", unix.RTN_BROADCAST: "broadcast ", unix.RTN_MULTICAST: "multicast ", unix.RTN_ANYCAST: "anycast "}[c.kind]; name != "" {
		return name + c.to.String()
	}
	return c.to.String()
}

var multicast6 = netip.MustParsePrefix("ff00::/8")

// anycast returns the route that the kernel creates with an IPv6 address of an interface that forwards: to the address of all
// routers of the subnet (addrconf_join_anycast in net/ipv6/addrconf.c). There is none for a subnet of two addresses or one.
func (a *Address) anycast(vrf uint32) (c companion, has bool) {
	subnet := a.Prefix.Masked().Addr()
	c = companion{index: a.index, table: cmp.Or(vrf, unix.RT_TABLE_LOCAL), kind: unix.RTN_ANYCAST, to: netip.PrefixFrom(subnet, 128), of: a.Prefix.Addr()}
	return c, subnet.Is6() && !subnet.IsUnspecified() && a.Prefix.Bits() < 127
}

// linkLocal returns the link-local address with which alone the kernel creates the route; the zero Addr for another route.
func (c companion) linkLocal() netip.Addr {
	ip := c.to.Addr()
	switch c.kind {
	case unix.RTN_LOCAL:
	case unix.RTN_ANYCAST:
		ip = c.of
	default:
		return netip.Addr{}
	}
	if !ip.Is6() || !ip.IsLinkLocalUnicast() {
		return netip.Addr{}
	}
	return ip
}

// companions returns the routes that the kernel creates with an observed address of an interface that is up, without that to the
// anycast address. primary is the primary
// address of its subnet, and vrf the table of the interface's VRF, 0 for none.
func (a *Address) companions(primary *Address, vrf uint32) (all []companion) {
	ip := a.Prefix.Addr()
	main, local := cmp.Or(vrf, unix.RT_TABLE_MAIN), cmp.Or(vrf, unix.RT_TABLE_LOCAL)
	subnet, metric := groupOf(a).subnet, spec.ValueOr(a.Metric, 0)
	withSubnet := !spec.ValueOr(a.NoPrefixRoute, false)
	add := func(table uint32, kind uint8, to netip.Prefix, metric uint32, source netip.Addr) {
		if c := (companion{index: a.index, table: table, kind: kind, to: to, metric: metric, source: source}); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	if ip.Is6() {
		// addrconf_f6i_alloc, addrconf_prefix_route and addrconf_add_mroute in net/ipv6/addrconf.c.
		add(local, unix.RTN_LOCAL, netip.PrefixFrom(ip, 128), 0, netip.Addr{})
		if withSubnet && a.Peer == nil {
			add(main, unix.RTN_UNICAST, subnet, cmp.Or(metric, 256), netip.Addr{})
		}
		if a.device&unix.IFF_LOOPBACK == 0 {
			add(local, unix.RTN_MULTICAST, multicast6, 256, netip.Addr{})
		}
		return all
	}
	// fib_add_ifaddr in net/ipv4/fib_frontend.c.
	source := primary.Prefix.Addr()
	add(local, unix.RTN_LOCAL, netip.PrefixFrom(ip, 32), 0, source)
	if b := a.Broadcast; b != nil && *b != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		add(local, unix.RTN_BROADCAST, netip.PrefixFrom(*b, 32), 0, source)
	}
	if a != primary || subnet.Addr() == ip && subnet.Bits() == 32 || subnet.Addr().As4()[0] == 0 {
		return all
	}
	if withSubnet && a.device&unix.IFF_LOOPBACK != 0 {
		add(local, unix.RTN_LOCAL, subnet, metric, source)
	} else if withSubnet {
		add(main, unix.RTN_UNICAST, subnet, metric, source)
	}
	if subnet.Bits() < 31 {
		add(local, unix.RTN_BROADCAST, netip.PrefixFrom(lastOf(subnet), 32), 0, source)
	}
	return all
}

// lastOf returns the address of an IPv4 subnet with all host bits set.
func lastOf(subnet netip.Prefix) netip.Addr {
	all := subnet.Addr().As4()
	for bit := subnet.Bits(); bit < 32; bit++ {
		all[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(all)
}

// request returns the request that creates the route (fib_magic in net/ipv4/fib_frontend.c, addrconf_prefix_route and
// addrconf_add_mroute in net/ipv6/addrconf.c).
func (c companion) request() *nl.NetlinkRequest {
	flags, scope := unix.NLM_F_CREATE, uint8(unix.RT_SCOPE_UNIVERSE)
	if c.to.Addr().Is4() {
		flags |= unix.NLM_F_APPEND
		if scope = unix.RT_SCOPE_LINK; c.kind == unix.RTN_LOCAL {
			scope = unix.RT_SCOPE_HOST
		}
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, flags)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{
		Family: uint8(familyOf(c.to.Addr())), Dst_len: uint8(c.to.Bits()), Protocol: unix.RTPROT_KERNEL, Type: c.kind, Scope: scope,
	}})
	req.AddData(nl.NewRtAttr(unix.RTA_DST, c.to.Addr().AsSlice()))
	req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(c.index))))
	req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(c.table)))
	if c.metric != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(c.metric)))
	}
	if c.source.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, c.source.AsSlice()))
	}
	return req
}
