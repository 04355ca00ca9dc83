package link

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/spec"
)

var vlan = &Type{
	Name:   "vlan",
	Doc:    "an interface for the frames with one VLAN tag on its parent (ip-link(8), vlan)",
	Parent: NeedsParent,
	New:    func() Options { return &vlanOptions{} },
	Claims: func(c *spec.Context, l *Link) {
		o := l.Options.(*vlanOptions)
		protocol := defaultVLANProtocol
		if o.Protocol != nil {
			protocol = *o.Protocol
		}
		c.Claim(fmt.Sprintf("%s VLAN %d on %s", protocol, *o.ID, l.Parent))
	},
}

type vlanOptions struct {
	ID       *int    `yaml:"id" also:"vlan vid vlan_id vlan-id vlanid tag" required:"true" min:"0" max:"4094" doc:"the VLAN"`
	Protocol *string `yaml:"protocol" also:"proto vlan_protocol vlan-protocol" oneof:"802.1q 802.1ad" doc:"the kind of tag; the kernel's default is 802.1q"`
}

const defaultVLANProtocol = "802.1q"

// options lists the options. The kernel cannot change a tag (vlan_changelink in net/8021q/vlan_netlink.c ignores it).
func (o *vlanOptions) options() []option {
	return []option{
		number("id", nl.IFLA_VLAN_ID, 2, o.ID).immutable(),
		vlanProtocol("protocol", nl.IFLA_VLAN_PROTOCOL, o.Protocol).immutable(),
	}
}

// vlanProtocol returns an option that is the Ethertype of a tag (ETH_P_* in linux/if_ether.h), in network byte order.
func vlanProtocol(name string, attr int, value *string) option {
	network := func(ethertype int) int { return int(nl.Swap16(uint16(ethertype))) }
	return word(name, attr, 2, value, map[string]int{
		defaultVLANProtocol: network(0x8100),
		"802.1ad":           network(0x88a8),
	}).usually(defaultVLANProtocol)
}
