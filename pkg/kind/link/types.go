package link

import (
	"github.com/vishvananda/netlink/nl"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Types lists the types of link.
var Types = []*Type{
	veth,
	bridge,
	macvlan,
	ipvlan,
	vlan,
	vxlan,
	dummy,
	vrf,
	existingType,
}

// Type is one type of link.
type Type struct {
	// Name is the name of the type in the kernel (IFLA_INFO_KIND) and in the files.
	Name, Doc string
	// New returns an empty value of the type's options; nil if it has none.
	New func() Options
	// Parent says whether it has a parent. ParentAttr is the type's attribute (in IFLA_INFO_DATA) with the parent's index; 0 for
	// IFLA_LINK, as for most types.
	Parent     ParentRule
	ParentAttr int
	// Paired: it has two ends, each with the fields of an end.
	Paired bool
	// OwnMAC: it has a link-layer address of its own, which linkd chooses if the files do not set it.
	OwnMAC bool
	// ResetsPorts: the kernel sets an interface that becomes a port of it down and up, so the interface loses its routes and IPv6
	// addresses.
	ResetsPorts bool
	// SharesParent: it is in the broadcast domain of its parent.
	SharesParent bool
	// Attach returns the attributes that the kernel accepts only at creation; nil if there are none.
	Attach func(ns *observe.NS, want *Link) ([]*nl.RtAttr, error)
	// Further checks keys of an entry against each other, and adds the resources of other kinds that they stand for; nil for none.
	// It gets the entry's node and the desired interface.
	Further func(c *spec.Context, n *yaml.Node, l *Link)
	// Claims declares which things a link of the type uses alone, or must agree on with others; nil for none. The link's parent is
	// known.
	Claims func(c *spec.Context, l *Link)
	// Survey reads what the interface's attributes do not include, and returns keys to show, or why linkd cannot show the
	// interface; nil if the attributes include everything.
	Survey func(ns *observe.NS, l *observe.Link) (more any, why string, err error)
	// MTU is the MTU in bytes of a new interface, and MaxMTU the largest. 0 means 1500 and 65535, the defaults of ether_setup in
	// net/ethernet/eth.c and most drivers.
	MTU, MaxMTU int
	// Overhead returns by how many bytes the MTU of a new interface is less than the parent's; nil for 0.
	Overhead func(l *observe.Link) int
}

// maxMTU returns the largest MTU of the type in bytes. That of nil, a type that linkd does not create, is unknown.
func (t *Type) maxMTU() int {
	switch {
	case t == nil:
		return noMaxMTU
	case t.MaxMTU != 0:
		return t.MaxMTU
	}
	return 65535
}

// noMaxMTU is the largest number that the kernel accepts as an MTU (dev_validate_mtu in net/core/dev.c).
const noMaxMTU = 1<<31 - 1

func typeNamed(name string) *Type {
	for _, t := range Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}
