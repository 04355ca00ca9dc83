package route

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const keyName = "routes"

// EndKey is the key routes of an end: routes by way of its device.
func EndKey() spec.Key {
	return spec.NewKey(keyName, "routes by way of the interface", func(c *spec.Context, entries []endEntry) {
		for _, e := range entries {
			r := e.resource(c.NS, c.Device)
			r.Adopt = c.Adopt
			c.Add(r)
		}
	})
}

// NamespaceKey is the key routes of a namespace: routes by way of any device, or none.
func NamespaceKey() spec.Key {
	return spec.NewKey(keyName, "routes by way of any interface, or of none", func(c *spec.Context, entries []namespaceEntry) {
		for _, e := range entries {
			c.Add(e.resource(c.NS, string(e.Dev)))
		}
	})
}

// entry is a route in YAML.
type entry struct {
	To     destination    `yaml:"to" required:"true" doc:"where it leads"`
	Via    *address.IP    `yaml:"via" doc:"the gateway"`
	Metric *uint32        `yaml:"metric" absent:"0 for IPv4, 1024 for IPv6" doc:"among routes to the same place the one with the lowest metric counts"`
	Table  *table         `yaml:"table" absent:"main; for the types local and broadcast local" doc:"the routing table that it is in"`
	Src    *address.IP    `yaml:"src" doc:"the address that packets leave with, where the sender has not chosen one"`
	Scope  *address.Scope `yaml:"scope" doc:"how far the destination is; IPv4 only"`
	OnLink *bool          `yaml:"onlink" doc:"the gateway is on the interface, though no subnet of it says so"`
	MTU    *uint32        `yaml:"mtu" doc:"largest packet in bytes"`
	Type   *Type          `yaml:"type" default:"unicast" doc:"what becomes of the packet; the last four end it, have neither via nor dev, and stand in a namespace only"`
	Family *string        `yaml:"family" oneof:"inet inet6" default:"inet" doc:"of a default route without via"`
	Source spec.Source
}

type endEntry struct{ entry }

// DecodeNode implements spec.NodeDecoder.
func (e *endEntry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.Decode(n, &e.entry) {
		return nil
	}
	if t := e.kind(); t.ends() {
		return fmt.Errorf("%s: a %s route has no device: declare it in the namespace", e.To, t)
	}
	return e.check(c.Device)
}

type namespaceEntry struct {
	entry
	Dev spec.IfName `yaml:"dev" doc:"the interface by which packets leave; the kernel finds it by the gateway where it is absent"`
}

// DecodeNode implements spec.NodeDecoder.
func (e *namespaceEntry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	type mapping namespaceEntry
	if !c.Decode(n, (*mapping)(e)) {
		return nil
	}
	return e.check(string(e.Dev))
}

// check refuses what the kernel would refuse, and what it would take and not do.
func (e *entry) check(dev string) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", e.To, fmt.Sprintf(format, args...))
	}
	via, src, to, t := addrOf(e.Via), addrOf(e.Src), e.prefix(), e.kind()
	switch {
	case e.Family != nil && (e.Via != nil || !e.To.both):
		return wrong("family is for a default route without via; this one's is known")
	case e.Via != nil && via.Is4() != to.Addr().Is4():
		return wrong("the gateway %s is of the other address family", via)
	case e.Via != nil && (via.IsUnspecified() || via.IsMulticast()):
		return wrong("%s cannot be a gateway", via)
	case e.Src != nil && src.Is4() != to.Addr().Is4():
		return wrong("the source %s is of the other address family", src)
	case t.ends() && (e.Via != nil || dev != ""):
		return wrong("a %s route has neither via nor dev", t)
	case !t.ends() && e.Via == nil && dev == "":
		return wrong("via or dev is missing")
	case t != unix.RTN_UNICAST && e.Via != nil:
		return wrong("a %s route has no via", t)
	case dev == "" && via.IsLinkLocalUnicast() && via.Is6():
		return wrong("the gateway %s is link-local, so dev is needed", via)
	case e.OnLink != nil && *e.OnLink && (e.Via == nil || dev == ""):
		return wrong("onlink is about a gateway on a device: via and dev are needed")
	case e.Scope != nil && to.Addr().Is6():
		// rtm_to_fib6_config in net/ipv6/route.c does not read it.
		return wrong("scope is for IPv4 routes only")
	case t == unix.RTN_BROADCAST && to.Addr().Is6():
		return wrong("IPv6 has no broadcast")
	}
	return nil
}

func (e *entry) resource(ns, dev string) *Route {
	r := &Route{
		NS: ns, To: e.prefix(), Type: e.kind(), Via: addrOf(e.Via), Dev: dev,
		Src: (*netip.Addr)(e.Src), Scope: e.Scope, OnLink: e.OnLink, MTU: e.MTU, Source: e.Source,
	}
	r.Table, r.Metric = r.Type.table(), defaultMetric(r.To)
	if e.Table != nil {
		r.Table = uint32(*e.Table)
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

// prefix settles which family's default is meant.
func (e *entry) prefix() netip.Prefix {
	via, src := addrOf(e.Via), addrOf(e.Src)
	if e.To.both && (via.Is6() || (e.Via == nil && src.Is6()) || (e.Family != nil && *e.Family == "inet6")) {
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

// destination is where a route leads, in YAML. Both says that it is the default of either family.
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

// DecodeNode implements spec.NodeDecoder.
func (d *destination) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	if text == "default" {
		d.Prefix, d.both = netip.PrefixFrom(netip.IPv4Unspecified(), 0), true
		return nil
	}
	p, _, err := address.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("%w, and not default", err)
	}
	if p != p.Masked() {
		return fmt.Errorf("%s has bits set beyond its length; did you mean %s?", p, p.Masked())
	}
	d.Prefix = p
	return nil
}

// Syntax implements spec.Described.
func (destination) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "destination",
		Doc:     "`default`, or a network: `10.9.0.0/16`, `2001:db8::/32`, with no bits set beyond its length. An address without a length is that host alone.",
		Words:   []string{"default"},
		Pattern: "^" + spec.CIDRPattern + "$",
	}
}
