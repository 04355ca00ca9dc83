package observe

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Protocol is the number by which linkd's routes say who made them (rtm_protocol in struct rtmsg).
const Protocol = 108

// Destinations are, by namespace, where the wanted routes lead.
type Destinations map[string]map[netip.Prefix]bool

// DeclareDestinations sets where routes are wanted. A routing daemon changes thousands of others, and news of these says
// so (News.Foreign).
func (w *World) DeclareDestinations(d Destinations) { w.destinations.Store(&d) }

// isForeign tells whether a message is about a route that linkd did not make, to a destination for which none is wanted.
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
