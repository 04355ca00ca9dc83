package address

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

const loopback = "lo"

// LoopbackLacks returns what a namespace's loopback device lacks of what the kernel gave it when it came up: the address as "address",
// or the route to it as "route". It returns "" if the device lacks nothing, or is down.
func LoopbackLacks(ns *observe.NS, inet6 bool) (what string, err error) {
	flags, err := ns.Flags(loopback)
	if err != nil || flags&unix.IFF_UP == 0 {
		return "", err
	}
	index, err := ns.Index(loopback)
	if err != nil {
		return "", err
	}
	own := LoopbackAddress(inet6)
	there, err := listOn(ns, &Address{Dev: loopback, Prefix: own}, index)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(there, func(a *Address) bool { return a.Prefix.Addr() == own.Addr() }) {
		return "address", nil
	}
	local, err := staysLocal(ns, own.Addr())
	if err != nil || local {
		return "", err
	}
	return "route", nil
}

// LoopbackAddress returns the address that the kernel gives to a loopback device.
func LoopbackAddress(inet6 bool) netip.Prefix {
	if inet6 {
		return netip.PrefixFrom(netip.IPv6Loopback(), 128)
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8)
}

// staysLocal reports whether packets to an address stay in the namespace, according to its routes.
func staysLocal(ns *observe.NS, ip netip.Addr) (bool, error) {
	route, err := routeTo(ns, ip, 0)
	return route != nil && nl.DeserializeRtMsg(route).Type == unix.RTN_LOCAL, err
}

// routeTo returns the kernel's answer to a question for the route to an address: an RTM_NEWROUTE without its netlink header, or nil
// if no packet gets there. Flags are those of the question, such as RTM_F_FIB_MATCH (rtnetlink(7)).
func routeTo(ns *observe.NS, ip netip.Addr, flags uint32) ([]byte, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(familyOf(ip)), Dst_len: uint8(ip.BitLen()), Flags: flags}})
	req.AddData(nl.NewRtAttr(unix.RTA_DST, ip.AsSlice()))
	msgs, err := ns.Request(req, unix.RTM_NEWROUTE)
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EACCES):
		return nil, nil
	case err != nil || len(msgs) == 0:
		return nil, err
	}
	return msgs[0], nil
}
