package address

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Subject returns the address: events about it concern the resource.
func (kind) Subject(want *Address) observe.Subject { return observe.Subject{Prefix: want.Prefix} }

// Find asks the kernel for the route to the address itself. The kernel has one in the table "local" for each IPv4 address of an
// interface that is up (fib_add_ifaddr in net/ipv4/fib_frontend.c), so an address without one does not exist. Only a list of all
// shows the attributes of an existing address: the kernel has no request for a single IPv4 address.
func (kind) Find(ns *observe.NS, wanted []*Address) (found []*Address, ok bool, err error) {
	for _, want := range wanted {
		if !want.Prefix.Addr().Is4() {
			return nil, false, nil
		}
		// The kernel announces that it deletes an address before it deletes the route. It holds a lock meanwhile, for which this
		// request waits (__inet_del_ifa in net/ipv4/devinet.c).
		link, err := ns.LinkByName(want.Dev)
		if err != nil || !link.Up() {
			return nil, false, err
		}
		local, err := isLocal(ns, want)
		if err != nil || local {
			return nil, false, err
		}
	}
	return nil, true, nil
}

// isLocal reports whether the namespace delivers packets to an IPv4 address itself (inet_rtm_getroute in net/ipv4/route.c).
func isLocal(ns *observe.NS, want *Address) (bool, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Dst_len: 32, Flags: unix.RTM_F_FIB_MATCH}})
	req.AddData(nl.NewRtAttr(unix.RTA_DST, want.Prefix.Addr().AsSlice()))
	msgs, err := ns.Request(req, unix.RTM_NEWROUTE)
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return false, nil
	case err != nil || len(msgs) == 0:
		return false, err
	}
	return nl.DeserializeRtMsg(msgs[0]).Type == unix.RTN_LOCAL, nil
}
