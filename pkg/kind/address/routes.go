package address

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// sparingRoutes calls change, which deletes and adds addresses, and restores all routes that have one of the addresses as their
// source, in any table and from any program. The kernel deletes such IPv4 routes with the address (fib_sync_down_addr in
// net/ipv4/fib_semantics.c), and removes the source from such IPv6 routes (rt6_remove_prefsrc in net/ipv6/route.c).
func sparingRoutes(ns *observe.NS, addresses []*Address, change func() error) error {
	if len(addresses) == 0 {
		return nil
	}
	family := familyOf(addresses[0].Prefix.Addr())
	routes, err := routesFrom(ns, family, addresses)
	if err != nil {
		return err
	}
	err = change()
	for _, msg := range routes {
		req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND)
		if family == unix.AF_INET6 {
			req.Flags = req.Flags&^unix.NLM_F_APPEND | unix.NLM_F_REPLACE
		}
		req.AddRawData(msg)
		if putErr := ns.Change(req); !errors.Is(putErr, unix.EEXIST) {
			err = errors.Join(err, putErr)
		}
	}
	return err
}

// routesFrom returns the kernel's messages about routes that have one of the addresses as their source, as requests to create the
// routes (ip-route(8), restore). It leaves out those that the kernel creates with addresses.
func routesFrom(ns *observe.NS, family int, addresses []*Address) (routes [][]byte, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}})
	msgs, err := ns.RequestSome(req, unix.RTM_NEWROUTE, func(msg []byte) bool {
		head := nl.DeserializeRtMsg(msg)
		if head.Protocol == unix.RTPROT_KERNEL || head.Flags&unix.RTM_F_CLONED != 0 {
			return false
		}
		attrs, err := observe.Attrs(msg[unix.SizeofRtMsg:])
		source, has := netip.AddrFromSlice(attrs[unix.RTA_PREFSRC])
		return err == nil && has && slices.ContainsFunc(addresses, func(a *Address) bool { return a.Prefix.Addr() == source })
	})
	if err != nil {
		return nil, err
	}
	for _, msg := range msgs {
		routes = append(routes, asRequest(msg))
	}
	return routes, nil
}

// rtaNhID is RTA_NH_ID (linux/rtnetlink.h).
const rtaNhID = 30

// stateOfNexthop are the flags of a nexthop that a request must not set (fib_create_info in net/ipv4/fib_semantics.c refuses them).
const stateOfNexthop = ^uint32(unix.RTNH_F_ONLINK | unix.RTNH_F_PERVASIVE)

// asRequest turns the kernel's message about a route into the body of a request to create it.
func asRequest(msg []byte) []byte {
	native := nl.NativeEndian()
	body := slices.Clone(msg[:unix.SizeofRtMsg])
	native.PutUint32(body[8:], native.Uint32(body[8:])&^stateOfNexthop)
	attrs, _ := observe.Attrs(msg[unix.SizeofRtMsg:])
	byObject := attrs[rtaNhID] != nil
	_ = observe.EachAttr(msg[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.RTA_CACHEINFO:
			return nil
		case unix.RTA_GATEWAY, unix.RTA_VIA, unix.RTA_OIF, unix.RTA_MULTIPATH:
			// A nexthop object determines where the route leads.
			if byObject {
				return nil
			}
		}
		value = slices.Clone(value)
		for hops := value; kind == unix.RTA_MULTIPATH && len(hops) >= unix.SizeofRtNexthop; {
			// struct rtnexthop: length, flags, weight, device.
			hops[2] &^= uint8(stateOfNexthop & 0xff)
			length := int(native.Uint16(hops))
			if length < unix.SizeofRtNexthop {
				break
			}
			hops = hops[min((length+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1), len(hops)):]
		}
		body = append(body, nl.NewRtAttr(int(kind), value).Serialize()...)
		return nil
	})
	return body
}

// routesAt returns which of the wanted routes of a family exist. protocol selects the routes to list; RTPROT_UNSPEC lists all.
func routesAt(ns *observe.NS, family int, protocol uint8, wanted map[companion]bool) (map[companion]bool, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family), Protocol: protocol}})
	there := map[companion]bool{}
	_, err := ns.RequestSome(req, unix.RTM_NEWROUTE, func(msg []byte) bool {
		head := nl.DeserializeRtMsg(msg)
		attrs, err := observe.Attrs(msg[unix.SizeofRtMsg:])
		if err != nil || head.Flags&unix.RTM_F_CLONED != 0 {
			return false
		}
		to, has := netip.AddrFromSlice(attrs[unix.RTA_DST])
		if !has {
			return false
		}
		c := companion{
			index: int(observe.Number(attrs[unix.RTA_OIF])), table: uint32(observe.Number(attrs[unix.RTA_TABLE])),
			kind: head.Type, to: netip.PrefixFrom(to, int(head.Dst_len)),
		}
		if wanted[c] {
			there[c] = true
		}
		return false
	})
	return there, err
}
