package link

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// A tunnel over IP is a line of a table (gretunnel.go, iptunnel.go). The types differ in the IP version that carries them, in what
// they carry, and in the numbers of their attributes.

// tunnelAttrs are the numbers of the attributes that all tunnels over IP have: IFLA_GRE_* or IFLA_IPTUN_* in linux/if_tunnel.h.
type tunnelAttrs struct{ link, local, remote, ttl, encapLimit, flowInfo, flags int }

var (
	greAttrs = tunnelAttrs{nl.IFLA_GRE_LINK, nl.IFLA_GRE_LOCAL, nl.IFLA_GRE_REMOTE, nl.IFLA_GRE_TTL, nl.IFLA_GRE_ENCAP_LIMIT,
		nl.IFLA_GRE_FLOWINFO, nl.IFLA_GRE_FLAGS}
	ipAttrs = tunnelAttrs{nl.IFLA_IPTUN_LINK, nl.IFLA_IPTUN_LOCAL, nl.IFLA_IPTUN_REMOTE, nl.IFLA_IPTUN_TTL, nl.IFLA_IPTUN_ENCAP_LIMIT,
		nl.IFLA_IPTUN_FLOWINFO, nl.IFLA_IPTUN_FLAGS}
)

// tunnelType is what a tunnel over IP goes through and carries.
type tunnelType struct {
	attrs tunnelAttrs
	// v6: it goes over IPv6. bridged: it carries Ethernet frames. limited: its packets have a time to live of their own.
	v6, bridged, limited bool
}

// tunnelled are the options of a type of tunnel over IP.
type tunnelled interface {
	Options
	ends() *tunnelEnds
	// distinct returns what besides its ends tells a tunnel from others.
	distinct() string
}

// tunnel returns a type of tunnel over IP.
func tunnel(name, doc string, of tunnelType, options func() tunnelled) *Type {
	t := &Type{
		Name: name, Doc: doc, Underlay: true, ChangesWhole: true, OwnMAC: of.bridged, NoMAC: !of.bridged,
		Parent: MayHaveParent, ParentAttr: of.attrs.link, OutlivesParent: true, MTU: routedMTU, MaxMTU: noMaxMTU,
		New: func() Options {
			o := options()
			o.ends().of = of
			return o
		},
		Claims: func(c *spec.Context, l *Link) {
			o := l.Options.(tunnelled)
			ends := o.ends()
			c.Claim(fmt.Sprintf("%s from %s to %s%s of %s", name, anyOr(ends.Local), anyOr(ends.Remote), o.distinct(), l.birthNS()))
		},
	}
	if of.v6 {
		t.Attach = attachUsual
	}
	return t
}

// tunnelEnds are the keys that all tunnels over IP have.
type tunnelEnds struct {
	Local  *address.IP `yaml:"local" also:"source local_ip source-address" doc:"the address from which this end sends to the other"`
	Remote *address.IP `yaml:"remote" also:"destination peer remote_ip remote-address" doc:"the address of the other end; without it, the tunnel accepts packets from any address"`
	TTL    *hops       `yaml:"ttl" also:"hoplimit hop_limit" doc:"time to live of the packets that carry the tunnel; inherit is that of the packet inside"`

	of tunnelType
}

func (e *tunnelEnds) ends() *tunnelEnds { return e }

func (e *tunnelEnds) distinct() string { return "" }

// anyAddress is the word of ip-link(8) for no address.
const anyAddress = "any"

func anyOr(ip *address.IP) string {
	if ip == nil {
		return anyAddress
	}
	return ip.String()
}

func (e *tunnelEnds) options() []option {
	ttl := number("ttl", e.of.attrs.ttl, 1, (*int)(e.TTL)).usually(inherit)
	if e.of.v6 || e.of.limited {
		ttl.usual = fmt.Sprint(usualTTL)
	}
	ttl.format = func(value []byte) string {
		if observe.Number(value) == 0 {
			return inherit
		}
		return decimal(value)
	}
	none := netip.IPv4Unspecified()
	if e.of.v6 {
		none = netip.IPv6Unspecified()
	}
	return []option{endOption("local", e.of.attrs.local, e.Local, none), endOption("remote", e.of.attrs.remote, e.Remote, none), ttl}
}

// endOption returns the option of an end; none is the address of no host. The kernel does not change a tunnel that has a remote end into one that has none, nor the
// other way round (ip_tunnel_changelink in net/ipv4/ip_tunnel.c).
func endOption(name string, attr int, value *address.IP, none netip.Addr) option {
	o := addressOption(name, attr, attr, value).usually(anyAddress).unlessSet(none.String())
	text := o.format
	o.format = func(value []byte) string {
		if ip, is := netip.AddrFromSlice(value); !is || ip.IsUnspecified() {
			return anyAddress
		}
		return text(value)
	}
	if name == "remote" {
		o.fixed = func(have, want []byte) bool { return (o.format(have) == anyAddress) != (o.format(want) == anyAddress) }
	}
	return o
}

// wrong checks the addresses.
func (e *tunnelEnds) wrong() (key, why string) {
	version := map[bool]string{false: "IPv4", true: "IPv6"}[e.of.v6]
	for _, end := range []struct {
		key string
		ip  *address.IP
	}{{"local", e.Local}, {"remote", e.Remote}} {
		if end.ip == nil {
			continue
		}
		ip := netip.Addr(*end.ip)
		if ip.Is6() != e.of.v6 {
			return end.key, fmt.Sprintf("%s: this tunnel goes over %s", ip, version)
		}
		if err := address.CheckOfOne(ip, "no host has it"); err != nil && (end.key == "local" || !ip.IsMulticast()) {
			return end.key, err.Error()
		}
	}
	return "", ""
}

// hops is a time to live; 0 is that of the packet inside.
type hops int

const inherit = "inherit"

// DecodeNode decodes a number or a word.
func (h *hops) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if n.Value == inherit {
		return nil
	}
	if c.Decode(n, (*int)(h)) && (*h < 1 || *h > 255) {
		return errors.New("ttl is 1 to 255, or inherit")
	}
	return nil
}

// EncodeNode encodes the number or the word.
func (h hops) EncodeNode() *yaml.Node {
	if h == 0 {
		return spec.Word(inherit)
	}
	return spec.Number(uint64(h))
}

func (hops) Syntax() spec.Syntax {
	return spec.Syntax{Name: "hops", Words: []string{inherit}, Min: 1, Max: 255}
}

// wholeChange returns the observed attributes with those of the desired options in their place, for a type that resets what a change
// does not mention.
func wholeChange(o Options, have map[uint16][]byte) (attrs []*nl.RtAttr) {
	all := maps.Clone(have)
	for _, o := range o.options() {
		if len(o.want) > 0 && !o.indirect {
			all[uint16(o.attr)] = o.setIn(all[uint16(o.attr)])
		}
	}
	for _, attr := range slices.Sorted(maps.Keys(all)) {
		attrs = append(attrs, nl.NewRtAttr(int(attr), all[attr]))
	}
	return attrs
}
