package observe

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Protocol is the protocol number of linkd's routes (rtm_protocol in struct rtmsg).
const Protocol = 108

// Destinations are the destinations of the desired routes, by namespace.
type Destinations map[string]map[netip.Prefix]bool

// DeclareDestinations sets the destinations of the desired routes. A routing daemon changes thousands of other
// routes, and notifications about these are marked (Notification.Foreign).
func (w *World) DeclareDestinations(d Destinations) { w.destinations.Store(&d) }

// isForeign reports whether a message is about a route that linkd did not make, to a destination of no desired route.
func (w *World) isForeign(ns string, body []byte) bool {
	wanted := w.destinations.Load()
	if wanted == nil || len(body) < unix.SizeofRtMsg {
		return false
	}
	head := nl.DeserializeRtMsg(body)
	if head.Protocol == Protocol {
		return false
	}
	to := netip.IPv4Unspecified()
	switch head.Family {
	case unix.AF_INET:
	case unix.AF_INET6:
		to = netip.IPv6Unspecified()
	default:
		return false
	}
	err := EachAttr(body[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		if ip, ok := netip.AddrFromSlice(value); kind == unix.RTA_DST && ok {
			to = ip
		}
		return nil
	})
	return err == nil && !(*wanted)[ns][netip.PrefixFrom(to, int(head.Dst_len))]
}

// removedBy returns the address or route that was removed according to a message; nil for other messages.
func removedBy(messageType uint16, body []byte) []Subject {
	var subject Subject
	var ok bool
	switch messageType {
	case unix.RTM_DELADDR:
		subject, ok = addressIn(body)
	case unix.RTM_DELROUTE:
		subject, ok = routeIn(body)
	}
	if !ok {
		return nil
	}
	return []Subject{subject}
}

// addressIn returns the address that a message is about. IFA_LOCAL is missing if it equals IFA_ADDRESS.
func addressIn(body []byte) (Subject, bool) {
	if len(body) < unix.SizeofIfAddrmsg {
		return Subject{}, false
	}
	var local, peer netip.Addr
	err := EachAttr(body[unix.SizeofIfAddrmsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case unix.IFA_ADDRESS:
			peer, _ = netip.AddrFromSlice(value)
		}
		return nil
	})
	if !local.IsValid() {
		local = peer
	}
	prefix := netip.PrefixFrom(local, int(nl.DeserializeIfAddrmsg(body).Prefixlen))
	return Subject{Prefix: prefix}, err == nil && prefix.IsValid()
}

// routeIn returns the route that a message is about.
func routeIn(body []byte) (Subject, bool) {
	if len(body) < unix.SizeofRtMsg {
		return Subject{}, false
	}
	head := nl.DeserializeRtMsg(body)
	to := netip.IPv4Unspecified()
	if head.Family == unix.AF_INET6 {
		to = netip.IPv6Unspecified()
	}
	subject := Subject{Table: uint32(head.Table)}
	err := EachAttr(body[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.RTA_DST:
			if ip, ok := netip.AddrFromSlice(value); ok {
				to = ip
			}
		case unix.RTA_TABLE:
			subject.Table = uint32(Number(value))
		case unix.RTA_PRIORITY:
			subject.Metric = uint32(Number(value))
		}
		return nil
	})
	subject.Prefix = netip.PrefixFrom(to, int(head.Dst_len))
	return subject, err == nil && head.Tos == 0 && head.Src_len == 0 && subject.Prefix.IsValid()
}

// isKernelRouteDeleted tells whether a message is about a route that has been deleted and that the kernel had made with an address
// or an interface.
func isKernelRouteDeleted(messageType uint16, body []byte) bool {
	return messageType == unix.RTM_DELROUTE && len(body) >= unix.SizeofRtMsg && nl.DeserializeRtMsg(body).Protocol == unix.RTPROT_KERNEL
}
