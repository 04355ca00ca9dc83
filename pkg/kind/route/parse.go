package route

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// list dumps the routes of both families, of all protocols or of one. If places is not nil, it returns only linkd's routes, and
// those in one of the places.
func list(ns *observe.NS, links *observe.Links, protocol uint8, places map[place]bool) ([]*Route, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	// With strict checking the kernel filters by protocol, and leaves out cached routes.
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Protocol: protocol}})
	msgs, err := ns.RequestSome(req, unix.RTM_NEWROUTE, func(msg []byte) bool {
		head := nl.DeserializeRtMsg(msg)
		if !relevant(head) || (protocol != 0 && head.Protocol != protocol) {
			return false
		}
		at, err := placeIn(msg, head)
		return err != nil || places == nil || head.Protocol == address.Mark || places[at]
	})
	if err != nil {
		return nil, err
	}
	var found []*Route
	for _, msg := range msgs {
		at, err := placeIn(msg, nl.DeserializeRtMsg(msg))
		if err != nil {
			return nil, err
		}
		r, ok, err := parse(msg, links.NameOf)
		if err != nil {
			return nil, err
		}
		if ok {
			r.NS, r.To, r.Table, r.Metric, r.TOS = ns.Name, at.to, at.table, at.metric, at.tos
			found = append(found, r)
		}
	}
	nameSiblings(found)
	return found, nil
}

// relevant reports whether linkd manages such routes. It does not manage routes by source, the kernel's routes
// to local and broadcast addresses, which VRF tables have too, and routes that the kernel learned.
func relevant(head *nl.RtMsg) bool {
	switch {
	case head.Family != unix.AF_INET && head.Family != unix.AF_INET6,
		head.Src_len != 0,
		head.Flags&unix.RTM_F_CLONED != 0,
		head.Protocol == unix.RTPROT_REDIRECT,
		head.Protocol == unix.RTPROT_KERNEL && (head.Table == unix.RT_TABLE_LOCAL || head.Type != unix.RTN_UNICAST):
		return false
	}
	return true
}

// placeIn parses the place of a route from a message, and nothing else: most of a hundred thousand routes need no more.
func placeIn(msg []byte, head *nl.RtMsg) (at place, err error) {
	dst := netip.IPv4Unspecified()
	if head.Family == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	err = observe.EachAttr(msg[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.RTA_DST:
			if ip, ok := netip.AddrFromSlice(value); ok {
				dst = ip
			}
		case unix.RTA_TABLE:
			at.table = spec.Table(observe.Number(value))
		case unix.RTA_PRIORITY:
			at.metric = uint32(observe.Number(value))
		}
		return nil
	})
	at.to, at.tos = netip.PrefixFrom(dst, int(head.Dst_len)), TOS(head.Tos)
	return at, err
}

// parse parses an RTM_NEWROUTE message, except its place. ok is false if a device has no name: it appeared after the links were
// listed, and an event about it follows.
func parse(msg []byte, nameOf func(index int) string) (r *Route, ok bool, err error) {
	head := nl.DeserializeRtMsg(msg)
	attrs, err := observe.Attrs(msg[unix.SizeofRtMsg:])
	if err != nil {
		return nil, false, err
	}
	onLink := head.Flags&unix.RTNH_F_ONLINK != 0
	r = &Route{
		Type:   Type(head.Type),
		Via:    gatewayIn(attrs),
		OnLink: &onLink,
		Object: uint32(observe.Number(attrs[rtaNhID])),
		Proto:  head.Protocol,
	}
	if ip, has := netip.AddrFromSlice(attrs[unix.RTA_PREFSRC]); has {
		r.Src = &ip
	}
	if head.Family == unix.AF_INET {
		scope := address.Scope(head.Scope)
		r.Scope = &scope
	} else if b := attrs[unix.RTA_PREF]; b != nil {
		pref := Pref(observe.Number(b))
		r.Pref = &pref
	}
	if b := attrs[unix.RTA_METRICS]; b != nil {
		metrics, err := observe.Attrs(b)
		if err != nil {
			return nil, false, err
		}
		r.Metrics.read(metrics)
	}
	// For an IPv6 route that ends here, the kernel reports the loopback device.
	if index := int(observe.Number(attrs[unix.RTA_OIF])); index != 0 && !r.Type.ends() {
		if r.Dev = nameOf(index); r.Dev == "" {
			return nil, false, nil
		}
	}
	r.Encap = encapIn(attrs)
	r.Unsupported = unsupported(attrs, r.Encap != nil)
	if hops := attrs[unix.RTA_MULTIPATH]; hops != nil {
		return r.readHops(hops, nameOf)
	}
	return r, true, nil
}

// gatewayIn returns the gateway, which may be of the other family than the destination (struct rtvia).
func gatewayIn(attrs map[uint16][]byte) netip.Addr {
	if ip, has := netip.AddrFromSlice(attrs[unix.RTA_GATEWAY]); has {
		return ip
	}
	if via := attrs[unix.RTA_VIA]; len(via) > 2 {
		ip, _ := netip.AddrFromSlice(via[2:])
		return ip
	}
	return netip.Addr{}
}

// readHops parses a list of struct rtnexthop into the route. Only the flag onlink is set by programs.
func (r *Route) readHops(b []byte, nameOf func(index int) string) (_ *Route, ok bool, err error) {
	r.OnLink = nil
	for len(b) >= unix.SizeofRtNexthop {
		next := nl.DeserializeRtNexthop(b)
		length := int(next.RtNexthop.Len)
		if length < unix.SizeofRtNexthop || length > len(b) {
			return nil, false, unix.EINVAL
		}
		attrs, err := observe.Attrs(b[unix.SizeofRtNexthop:length])
		if err != nil {
			return nil, false, err
		}
		onLink := next.Flags&unix.RTNH_F_ONLINK != 0
		h := Hop{gatewayIn(attrs), nameOf(int(next.Ifindex)), int(next.Hops) + 1, onLinkOf(&onLink)}
		if h.Dev == "" {
			return nil, false, nil
		}
		r.Hops, r.Unsupported = append(r.Hops, h), append(r.Unsupported, unsupported(attrs, false)...)
		b = b[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(b)):]
	}
	return r, true, nil
}
