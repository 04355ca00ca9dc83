package route

import (
	"cmp"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const keyName = "routes"

// EndKey returns the key routes of an end: routes through its device.
func EndKey() spec.Key {
	return spec.NewKey(keyName, "routes through the interface", func(c *spec.Context, entries []endEntry) {
		for _, e := range entries {
			r := e.resource(c.NS)
			r.Adopt = c.Adopt
			add(c, r)
		}
	}).Called("route", "gateway=routes: [{to: default, via: GATEWAY}]", "gateway4=routes: [{to: default, via: GATEWAY}]", "gateway6=routes: [{to: default, via: GATEWAY}]", "gw=routes: [{to: default, via: GATEWAY}]", "via=routes: [{to: default, via: GATEWAY}]", "default=routes: [{to: default, via: GATEWAY}]")
}

// NamespaceKey returns the key routes of a namespace: routes through any device, or none.
func NamespaceKey() spec.Key {
	return spec.NewKey(keyName, "routes through any interface, or through none", func(c *spec.Context, entries []namespaceEntry) {
		for _, e := range entries {
			add(c, e.resource(c.NS))
		}
	}).Called("route")
}

func add(c *spec.Context, r *Route) {
	c.Add(r)
	for _, hop := range r.hops() {
		if hop.Via.IsValid() {
			c.Occupy(hop.Via)
		}
	}
	c.Later(func() {
		r.refer(c.All())
		r.warn(c)
	})
}

// entry is a route in YAML.
type entry struct {
	To       destination    `yaml:"to" also:"dst dest destination network target prefix cidr" required:"true" doc:"where it leads"`
	Via      *gateway       `yaml:"via" also:"gateway gateway4 gateway6 gw next-hop next_hop nexthop next-hop-address" doc:"the gateway; that of an IPv4 route may be an IPv6 address"`
	Metric   *uint32        `yaml:"metric" also:"priority preference" absent:"0 for IPv4, 1024 for IPv6" doc:"of several routes to one destination, the kernel uses the one with the lowest metric"`
	TOS      *TOS           `yaml:"tos" also:"dsfield type-of-service" absent:"any" doc:"type of service of the packets; IPv4 only"`
	Table    *spec.Table    `yaml:"table" also:"table-id table_id route-table" absent:"main, on an interface in a VRF too; for the types local, broadcast and anycast local" doc:"the routing table of the route"`
	Src      *address.IP    `yaml:"src" also:"source prefsrc preferred-source from" doc:"the source address of packets whose sender has not chosen one; the route is pending until that address exists and can be used"`
	Scope    *address.Scope `yaml:"scope" doc:"the scope of the destination; IPv4 only"`
	OnLink   *bool          `yaml:"onlink" also:"on-link on_link gatewayonlink" doc:"the kernel accepts a gateway that is in no subnet of the interface"`
	MTU      *uint32        `yaml:"mtu" min:"1" max:"65520" doc:"largest packet in bytes"`
	AdvMSS   *uint32        `yaml:"advmss" also:"advertised-mss mss" min:"1" max:"65495" doc:"largest segment in bytes that TCP tells the other side to send"`
	InitCwnd *uint32        `yaml:"initcwnd" also:"initial-congestion-window congestion-window" min:"1" max:"4294967295" doc:"initial congestion window of TCP, in segments"`
	Cwnd     *uint32        `yaml:"cwnd" min:"1" max:"4294967295" doc:"largest congestion window of TCP, in segments"`
	InitRwnd *uint32        `yaml:"initrwnd" also:"initial-advertised-receive-window advertised-receive-window" min:"1" max:"4294967295" doc:"initial receive window of TCP, in segments"`
	HopLimit *uint32        `yaml:"hoplimit" also:"hop-limit ttl" min:"1" max:"255" doc:"hop limit, or time to live, of the packets"`
	QuickAck *bool          `yaml:"quickack" also:"quick-ack" doc:"TCP acknowledges each segment at once"`
	Encap    *Encap         `yaml:"encap" absent:"nothing" doc:"what the kernel puts around the packets: a label, or the header of a tunnel"`
	Pref     *Pref          `yaml:"pref" also:"router-preference" doc:"preference among default routes of the same metric; IPv6 only"`
	Type     *Type          `yaml:"type" also:"kind" default:"unicast" doc:"what the kernel does with the packet; the last four have neither via nor dev, and are for a namespace only"`
	Family   *string        `yaml:"family" oneof:"inet inet6" default:"inet" doc:"address family of a default route, if neither src nor via says it; with an IPv6 gateway, inet is the default route of IPv4"`
	Adopt    *bool          `yaml:"adopt" default:"false" doc:"replace the route that somebody else has set with this destination, type of service, table and metric, and restore it when you remove this from the files"`
	Source   spec.Source

	hops []declaredHop
}

// declaredHop is a Hop and its place in the files.
type declaredHop struct {
	Hop
	source spec.Source
}

// nextHop is one of several nexthops of a route in YAML.
type nextHop struct {
	Via    *gateway `yaml:"via" also:"gateway gateway4 gateway6 gw next-hop next_hop nexthop next-hop-address" doc:"the gateway; required in an IPv6 route"`
	Weight *int     `yaml:"weight" min:"1" max:"256" default:"1" doc:"its share of the traffic"`
	OnLink *bool    `yaml:"onlink" also:"on-link on_link gatewayonlink" absent:"as the route says" doc:"the kernel accepts a gateway that is in no subnet of the interface"`
	Source spec.Source
}

// declared returns the nexthop of a route, whose key onlink counts where the nexthop has none.
func (h nextHop) declared(dev string, onLink *bool) declaredHop {
	return declaredHop{Hop{h.Via.addr(), dev, spec.ValueOr(h.Weight, 1), onLinkOf(cmp.Or(h.OnLink, onLink))}, h.Source}
}

type endEntry struct {
	entry
	NextHops *[]nextHop `yaml:"nexthops" also:"multipath hops next-hops next_hops" doc:"several gateways instead of via, each with a share of the traffic"`
}

// DecodeNode decodes a route through the interface of the end.
func (e *endEntry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.DecodeMapping(n, e) {
		return nil
	}
	if t := e.kind(); t.ends() {
		return fmt.Errorf("%s: a %s route has no device: declare it in the namespace", e.To, t)
	}
	if e.NextHops == nil {
		e.hops = []declaredHop{e.only(c.Device)}
		return e.check(c)
	}
	for _, h := range *e.NextHops {
		e.hops = append(e.hops, h.declared(c.Device, e.OnLink))
	}
	return e.checkSeveral(c, "")
}

type namespaceEntry struct {
	entry
	Dev      spec.IfName  `yaml:"dev" also:"device interface oif ifname next-hop-interface" doc:"the interface through which packets leave; by default that of the gateway"`
	NextHops *[]deviceHop `yaml:"nexthops" also:"multipath hops next-hops next_hops" doc:"several next hops instead of via and dev, each with a share of the traffic"`
}

// deviceHop is a nextHop with a device.
type deviceHop struct {
	nextHop
	Dev spec.IfName `yaml:"dev" also:"device interface oif ifname next-hop-interface" doc:"the interface through which packets leave; by default that of the gateway"`
}

// DecodeNode decodes a route of a namespace.
func (e *namespaceEntry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.DecodeMapping(n, e) {
		return nil
	}
	if e.NextHops == nil {
		e.hops = []declaredHop{e.only(string(e.Dev))}
		return e.check(c)
	}
	for _, h := range *e.NextHops {
		e.hops = append(e.hops, h.declared(string(h.Dev), e.OnLink))
	}
	return e.checkSeveral(c, e.Dev)
}

func (e *entry) only(dev string) declaredHop {
	return declaredHop{Hop{e.Via.addr(), dev, 1, onLinkOf(e.OnLink)}, e.Source}
}

func (e *entry) resource(ns string) *Route {
	r := &Route{
		NS: ns, To: e.prefix(), Type: e.kind(),
		Src: (*netip.Addr)(e.Src), Scope: e.Scope, Pref: e.Pref, Encap: e.Encap, TOS: spec.ValueOr(e.TOS, 0), Replace: spec.ValueOr(e.Adopt, false), Source: e.Source,
		Metrics: Metrics{MTU: e.MTU, AdvMSS: e.AdvMSS, InitCwnd: e.InitCwnd, InitRwnd: e.InitRwnd, HopLimit: e.HopLimit, Cwnd: e.Cwnd},
	}
	if e.QuickAck != nil {
		set := uint32(0)
		if *e.QuickAck {
			set = 1
		}
		r.QuickAck = &set
	}
	hops := make([]Hop, len(e.hops))
	for i, w := range e.hops {
		hops[i] = w.Hop
		if r.To.Addr().Is4() {
			hops[i].Via = w.Via.Unmap()
		}
	}
	r.setHops(hops)
	r.Table, r.Metric = r.Type.table(), defaultMetric(r.To)
	if e.Table != nil {
		r.Table = *e.Table
	}
	if e.Metric != nil && *e.Metric != 0 {
		r.Metric = *e.Metric
	}
	return r
}

func (e *entry) kind() Type {
	if e.Type == nil {
		return unix.RTN_UNICAST
	}
	return *e.Type
}

// prefix returns the destination, for a default route with its family. An IPv4 gateway makes that IPv4, because an IPv6 route
// cannot have one.
func (e *entry) prefix() netip.Prefix {
	if !e.To.both {
		return e.To.Prefix
	}
	tell := addrOf(e.Src)
	for _, w := range e.hops {
		if w.Via.IsValid() && !(tell.IsValid() && tell.Is4()) {
			tell = w.Via
		}
	}
	if (e.Family == nil && tell.Is6()) || (e.Family != nil && *e.Family == "inet6") {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return e.To.Prefix
}

func addrOf(ip *address.IP) netip.Addr {
	if ip == nil {
		return netip.Addr{}
	}
	return netip.Addr(*ip)
}

// gateway is the address of a nexthop in YAML. ::ffff:192.0.2.1 is that address in an IPv6 route (RFC 4798; ip6_validate_gw in
// net/ipv6/route.c), and 192.0.2.1 in an IPv4 route.
type gateway netip.Addr

// DecodeWord parses the address.
func (g *gateway) DecodeWord(word string) error {
	ip, err := netip.ParseAddr(word)
	if err != nil || !ip.Is4In6() || ip.Zone() != "" {
		ip, err = address.ParseIP(word)
	}
	*g = gateway(ip)
	return err
}

func (gateway) Syntax() spec.Syntax { return address.IP{}.Syntax() }

func (g gateway) String() string { return netip.Addr(g).String() }

// addr returns the address; the zero Addr without a gateway.
func (g *gateway) addr() netip.Addr {
	if g == nil {
		return netip.Addr{}
	}
	return netip.Addr(*g)
}

// destination is the destination of a route in YAML. both: it is the default route of either family.
type destination struct {
	netip.Prefix
	both bool
}

func (d destination) String() string {
	if d.both {
		return "default"
	}
	return d.Prefix.String()
}

// DecodeWord parses a subnet, an address or default.
func (d *destination) DecodeWord(word string) (err error) {
	if word == "default" {
		d.Prefix, d.both = netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
		return nil
	}
	d.Prefix, err = address.ParseSubnet(word, "default")
	return err
}

func (destination) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "destination",
		Doc:     "`default`, or a network: `10.9.0.0/16`, `2001:db8::/32`, with no bits set beyond its length. An address without a length is that host alone.",
		Words:   []string{"default"},
		Pattern: "^" + spec.CIDRPattern + "$",
	}
}
