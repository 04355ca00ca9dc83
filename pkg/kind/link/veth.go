package link

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

var veth = &Type{
	Name:   "veth",
	Doc:    "a cable with two ends, in any two namespaces (veth(4))",
	Paired: true,
	OwnMAC: true,
	Attach: func(ns *observe.NS, want *Link) ([]*nl.RtAttr, error) {
		far, err := ns.Other(want.Peer.NS)
		if err != nil {
			return nil, err
		}
		// The request sets the peer's namespace, name and address, too (VETH_INFO_PEER, drivers/net/veth.c).
		peer := nl.NewRtAttr(nl.VETH_INFO_PEER, nil)
		nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
		peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(want.Peer.Name))
		peer.AddChild(inBirthGroup())
		born := *want.Peer
		if born.MAC, err = born.bornMAC(ns); err != nil {
			return nil, err
		}
		for _, a := range born.attrs() {
			peer.AddChild(a)
		}
		peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(far.FD())))
		return []*nl.RtAttr{peer}, nil
	},
}
