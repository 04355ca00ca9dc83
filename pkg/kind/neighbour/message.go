package neighbour

import (
	"errors"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// newNeighbour returns an RTM_NEWNEIGH request (rtnetlink(7)).
func newNeighbour(n *Neighbour, index, flags int) *nl.NetlinkRequest {
	req := request(unix.RTM_NEWNEIGH, flags, n, index)
	req.AddData(observe.ProtoAttr(address.Mark))
	if mac, err := net.ParseMAC(n.MAC); err == nil {
		req.AddData(nl.NewRtAttr(unix.NDA_LLADDR, mac))
	}
	return req
}

func delNeighbour(n *Neighbour, index int) *nl.NetlinkRequest {
	return request(unix.RTM_DELNEIGH, 0, n, index)
}

func request(kind, flags int, n *Neighbour, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	head := &netlink.Ndmsg{Family: unix.AF_INET, Index: uint32(index)}
	if n.To.Is6() {
		head.Family = unix.AF_INET6
	}
	if n.Proxy {
		head.Flags = unix.NTF_PROXY
	}
	if kind == unix.RTM_NEWNEIGH {
		// When a device loses its carrier, the kernel deletes all entries that are not permanent, including proxy entries
		// (neigh_carrier_down and pneigh_ifdown in net/core/neighbour.c).
		head.State = unix.NUD_PERMANENT
	}
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.NDA_DST, n.To.AsSlice()))
	return req
}

// get returns the entry with n's ID; nil if there is none or it is a learned one.
func get(ns *observe.NS, n *Neighbour, index int) (*Neighbour, error) {
	msgs, err := ns.Request(request(unix.RTM_GETNEIGH, 0, n, index), unix.RTM_NEWNEIGH)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil || len(msgs) == 0 {
		return nil, err
	}
	return parse(msgs[0], n.Proxy)
}

// list returns the neighbours of a device that somebody made; those of all devices if index is 0. The kernel has a separate list of
// proxy entries.
func list(ns *observe.NS, proxy bool, index int, nameOf func(index int) string) (found []*Neighbour, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	head := &netlink.Ndmsg{}
	if proxy {
		head.Flags = unix.NTF_PROXY
	}
	req.AddData(head)
	if index != 0 {
		req.AddData(nl.NewRtAttr(unix.NDA_IFINDEX, nl.Uint32Attr(uint32(index))))
	}
	msgs, err := ns.Request(req, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, err
	}
	for _, msg := range msgs {
		n, err := parse(msg, proxy)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		// A device without a name was created after the links were listed. Its event follows.
		if n.Dev = nameOf(n.index); n.Dev != "" {
			n.NS = ns.Name
			found = append(found, n)
		}
	}
	return found, nil
}

const permanent = "permanent"

// parse reads an RTM_NEWNEIGH message. It returns nil for an entry that the kernel learned. Somebody made an entry if it does not
// age, if it has a protocol, or if it is marked as externally learned, as those of routing daemons are.
func parse(msg []byte, proxy bool) (*Neighbour, error) {
	e, err := observe.ParseEntry(msg)
	if err != nil {
		return nil, err
	}
	n := &Neighbour{Proxy: proxy, index: e.Index, Proto: e.Proto()}
	ip, isIP := netip.AddrFromSlice(e.Attr(unix.NDA_DST))
	isPermanent := e.State&unix.NUD_PERMANENT != 0
	if !isIP || !(proxy || isPermanent || n.Proto != 0 || e.Flags&unix.NTF_EXT_LEARNED != 0) {
		return nil, nil
	}
	n.To = ip
	if proxy {
		return n, nil
	}
	n.MAC = observe.HardwareAddr(e.Attr(unix.NDA_LLADDR))
	n.State = "not permanent"
	if isPermanent {
		n.State = permanent
	}
	return n, nil
}
