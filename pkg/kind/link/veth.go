package link

import "github.com/vishvananda/netlink/nl"

var veth = &Type{
	Name:   "veth",
	Doc:    "a cable with two ends, in any two namespaces (veth(4))",
	Paired: true,
	OwnMAC: true,
	// veth_get_num_queues in drivers/net/veth.c.
	Queues: perCPU,
	Attach: attachPeer(nl.VETH_INFO_PEER, true),
}
