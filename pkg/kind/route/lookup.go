package route

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Subject implements reconcile.Lookup.
func (kind) Subject(want *Route) observe.Subject {
	return observe.Subject{Prefix: want.To, Table: uint32(want.Table), Metric: want.Metric}
}

// Find implements reconcile.Lookup. It asks for the route by which packets to the destination itself go, which costs the
// same however many routes there are. Another route is the answer, too, where the wanted one is dead, or a rule leads
// elsewhere. So what is not the answer may be there, and only what is the answer is known to be.
func (k kind) Find(ns *observe.NS, wanted []*Route) (found []*Route, ok bool, err error) {
	for _, want := range wanted {
		if want.Type != unix.RTN_UNICAST || want.To.Bits() == 0 {
			// A route of another type is no answer, and no destination stands for all of a default route.
			return nil, false, nil
		}
		msg, err := ask(ns, want)
		if err != nil {
			return nil, false, err
		}
		if msg == nil {
			continue
		}
		have, err := single(ns, msg)
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

// ask is the message about the route to a wanted one's destination; nil where there is none (RTM_F_FIB_MATCH:
// inet_rtm_getroute in net/ipv4/route.c, inet6_rtm_getroute in net/ipv6/route.c).
func ask(ns *observe.NS, want *Route) ([]byte, error) {
	to := want.To.Addr()
	// IPv6 always says the table.
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

// single reads a message about one route; nil where a list would leave it out, or a device has gone.
func single(ns *observe.NS, msg []byte) (*Route, error) {
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
	r.NS, r.To, r.Table, r.Metric = ns.Name, at.to, at.table, at.metric
	return r, nil
}
