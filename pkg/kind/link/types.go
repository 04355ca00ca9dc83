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
	wireguardType,
	gre,
	gretap,
	ip6gre,
	ip6gretap,
	ipip,
	sit,
	ip6tnl,
	geneve,
	ifb,
	xfrm,
	macvtap,
	vcan,
	vxcan,
	netkit,
	bond,
	tun,
	tap,
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
	// Underlay: its packets go through the network of the namespace in which it was created, so it has the key birth. HidesBirth:
	// the kernel does not report that namespace (it has no get_link_net), so linkd's mark does.
	Underlay, HidesBirth bool
	// ChangesWhole: the kernel resets what a change of its options does not mention.
	ChangesWhole bool
	// OutlivesParent: the kernel does not delete it together with its parent.
	OutlivesParent bool
	// MTUWhenDown: the kernel changes its MTU only while it is down.
	MTUWhenDown bool
	// FixedMAC: the kernel sets its link-layer address only at creation.
	FixedMAC bool
	// NoMAC: it has no link-layer address that can be set.
	NoMAC bool
	// TxQueueLen is the length of a new interface's transmit queue, in packets; 0 means the kernel's default, 1000.
	TxQueueLen int
	// Queues is the number of transmit and receive queues of a new interface: 0 for one, perCPU or noUsualQueues.
	Queues int
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
	// Make makes the interface where the kernel does not do so by netlink, without its attributes; and Change changes its options.
	// It gets all that differs, and the interface has its other attributes already. Both are nil for most types.
	Make   func(ns *observe.NS, want *Link) error
	Change func(ns *observe.NS, want, have *Link) error
	// Refine changes the observed attributes of an interface to those that the options describe; nil for most types.
	Refine func(ns *observe.NS, data map[uint16][]byte) error
	// Further checks keys of an entry against each other, and adds the resources of other kinds that they stand for; nil for none.
	// It gets the entry's node and the desired interface.
	Further func(c *spec.Context, n *yaml.Node, l *Link)
	// Claims declares which things a link of the type uses alone, or must agree on with others; nil for none. The link's parent is
	// known.
	Claims func(c *spec.Context, l *Link)
	// Survey reads what the interface's attributes do not include, and returns keys to show, or why linkd cannot show the
	// interface; nil if the attributes include everything.
	Survey func(ns *observe.NS, l *observe.Link) (more any, why string, err error)
	// MTU is the MTU in bytes of a new interface, or routedMTU, and MaxMTU the largest. 0 means 1500 and 65535, the defaults of ether_setup in
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

// routedMTU is the MTU of a type for which it depends on the route to the other end.
const routedMTU = -1

func typeNamed(name string) *Type {
	for _, t := range Types {
		if t.Name == name {
			return t
		}
	}
	return nil
}
