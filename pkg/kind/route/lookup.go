package route

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Subject returns the place of the route: events about it concern the resource.
func (kind) Subject(want *Route) observe.Subject {
	return observe.Subject{Prefix: want.To, Table: uint32(want.Table), Metric: want.Metric}
}

// Find asks the kernel for the route of packets to the destination, which costs the same however many routes there are. The answer
// may be another route, if the desired one is dead or a policy rule leads elsewhere. So Find knows that a route exists if it is the
// answer, and not that it is missing if it is not.
func (k kind) Find(ns *observe.NS, wanted []*Route) (found []*Route, ok bool, err error) {
	for _, want := range wanted {
		if want.Type != unix.RTN_UNICAST || want.To.Bits() == 0 {
			// The kernel does not answer with a route of another type, and no single destination represents a default route.
			return nil, false, nil
		}
		msg, err := routeTo(ns, want)
		if err != nil {
			return nil, false, err
		}
		if msg == nil {
			continue
		}
		have, err := parseOne(ns, msg)
		if err != nil || have == nil {
			return nil, false, err
		}
		if have.place() != want.place() {
			continue
		}
		if !k.Owned(have) || len(k.Diff(want, have)) > 0 {
			return nil, false, nil
		}
		found = append(found, have)
	}
	return found, true, nil
}

// routeTo returns the message about the route to the desired route's destination; nil if there is none (RTM_F_FIB_MATCH:
// inet_rtm_getroute in net/ipv4/route.c, inet6_rtm_getroute in net/ipv6/route.c).
func routeTo(ns *observe.NS, want *Route) ([]byte, error) {
	to := want.To.Addr()
	// For IPv6 the answer always has the table.
	head := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET6, Dst_len: uint8(to.BitLen()), Flags: unix.RTM_F_FIB_MATCH}}
	if to.Is4() {
		head.Family, head.Flags = unix.AF_INET, unix.RTM_F_FIB_MATCH|unix.RTM_F_LOOKUP_TABLE
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, to.AsSlice()))
	msgs, err := ns.Request(req, unix.RTM_NEWROUTE)
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return nil, nil
	case err != nil || len(msgs) == 0:
		return nil, err
	}
	return msgs[0], nil
}

// parseOne parses a message about one route. It returns nil for a route that a list would leave out, and if a device has
// disappeared.
func parseOne(ns *observe.NS, msg []byte) (*Route, error) {
	head := nl.DeserializeRtMsg(msg)
	if !relevant(head) {
		return nil, nil
	}
	at, err := placeIn(msg, head)
	if err != nil {
		return nil, err
	}
	var nameErr error
	r, ok, err := parse(msg, func(index int) string {
		name, err := ns.NameOf(index)
		nameErr = errors.Join(nameErr, err)
		return name
	})
	if err := errors.Join(err, nameErr); err != nil || !ok {
		return nil, err
	}
	r.NS, r.To, r.Table, r.Metric, r.TOS = ns.Name, at.to, at.table, at.metric, at.tos
	return r, nil
}
