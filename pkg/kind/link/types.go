package link

import (
	"github.com/vishvananda/netlink/nl"
	"gopkg.in/yaml.v3"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Types is the list of the kinds of link.
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

// Type is one kind of link.
type Type struct {
	// Name is the kernel's name of the kind (IFLA_INFO_KIND), and the one in the files.
	Name, Doc string
	// New is an empty value of the kind's own fields; nil where it has none.
	New func() Options
	// Parent tells whether it stands on another link. ParentAttr is the attribute of its own (IFLA_INFO_DATA) that says on
	// which; 0 where IFLA_LINK does, as it mostly does.
	Parent     ParentRule
	ParentAttr int
	// Paired: it has two ends, each with the fields of an end.
	Paired bool
	// OwnMAC: its link-layer address is its own, and made up where nobody gives it one.
	OwnMAC bool
	// ResetsPorts: an interface that becomes a port of it is set down and up, and loses its routes and IPv6 addresses.
	ResetsPorts bool
	// SharesParent: it is in the broadcast domain of its parent.
	SharesParent bool
	// Attach makes the attributes that only creation knows; nil where there are none.
	Attach func(ns *observe.NS, want *Link) ([]*nl.RtAttr, error)
	// Further checks what the fields of an entry say together, and adds the resources of other kinds that they stand for;
	// nil for nothing. It is called with the entry's node and the interface that it is to be.
	Further func(c *spec.Context, n *yaml.Node, l *Link)
	// Claims says what a link of the kind has that there is only one of, or that others have to agree with; nil for
	// nothing. The link's parent is known.
	Claims func(c *spec.Context, l *Link)
	// Survey finds out about an interface what its own attributes do not tell, and says what of it is worth showing, or why
	// it cannot be said; nil where they tell all.
	Survey func(ns *observe.NS, l *observe.Link) (more any, why string, err error)
	// MTU is the MTU of a new interface, and MaxMTU the largest; 0 is 1500 and 65535, as ether_setup in net/ethernet/eth.c and
	// most drivers set them.
	MTU, MaxMTU int
	// Overhead is by how many bytes the MTU of a new interface is less than the parent's; nil for none.
	Overhead func(l *observe.Link) int
}

// maxMTU is the largest MTU of an interface of the type; that of nil, a type which linkd does not make, is not known.
func (t *Type) maxMTU() int {
	switch {
	case t == nil:
		return noMaxMTU
	case t.MaxMTU != 0:
		return t.MaxMTU
	}
	return 65535
}

// noMaxMTU is the largest number that the kernel takes as an MTU (dev_validate_mtu in net/core/dev.c).
const noMaxMTU = 1<<31 - 1

func typeNamed(name string) *Type {
	for _, t := range Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}
