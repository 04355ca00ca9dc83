package link

import (
	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

// leastIPv6 is the smallest MTU, in bytes, with which the kernel enables IPv6 on an interface (IPV6_MIN_MTU, RFC 8200).
const leastIPv6 = 1280

// usualMTU is the default MTU of a new veth, in bytes (ether_setup in net/ethernet/eth.c).
const usualMTU = 1500

// warnOfMTU warns at the node of the key mtu if the files declare an IPv6 address on the link, but the kernel disables IPv6 with
// that MTU.
func warnOfMTU(c *spec.Context, n *yaml.Node, l *Link) {
	if n == nil || l.MTU == nil || *l.MTU >= leastIPv6 {
		return
	}
	c.Later(func() {
		if a := address.FirstIPv6(c.All(), l.NS)[l.Name]; a != nil {
			c.WarnAt(n, "with an mtu below %d the kernel has no IPv6 on %s in %s, and %s is declared there (%s)", leastIPv6, l.Name, l.NS, a.Prefix, a.Source)
		}
	})
}

// warnOfEnds warns about ends with different MTUs: one end drops large packets of the other.
func warnOfEnds(c *spec.Context, ends []endNode, links [2]*Link) {
	for i, l := range links {
		if l.MTU == nil || l.Adopt {
			continue
		}
		n, other := spec.ValueOf(ends[i].Node, "mtu"), links[1-i]
		switch {
		case other.MTU == nil && *l.MTU != usualMTU:
			c.WarnAt(n, "%s in %s has no mtu, so it has %d, and this end has %d: packets that are larger than the smaller one are lost", other.Name, other.NS, usualMTU, *l.MTU)
		case other.MTU != nil && i == 1 && *l.MTU != *other.MTU:
			c.WarnAt(n, "this end has the mtu %d, and %s in %s has %d: packets that are larger than the smaller one are lost", *l.MTU, other.Name, other.NS, *other.MTU)
		}
	}
}
