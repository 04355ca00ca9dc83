package route

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// mostMatched is the number of routes up to which the kernel is asked for each of them, rather than for all routes.
const mostMatched = 8

// areFree tells whether the kernel has no routes in the places of some, as far as it can be asked for a place alone.
//
// The kernel answers with the route that it would take (RTM_F_FIB_MATCH in linux/rtnetlink.h). One that it would not take,
// because its device is down, or a rule leads elsewhere, it does not name. If such a one is in a place, making a route there
// fails (NLM_F_EXCL).
func areFree(ns *observe.NS, missing []*Route) bool {
	if len(missing) > mostMatched {
		return false
	}
	for _, w := range missing {
		to := w.To.Addr()
		if !to.Is4() || w.Table != unix.RT_TABLE_MAIN || to.IsUnspecified() || to.IsMulticast() || to.IsLoopback() {
			return false
		}
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
		req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Dst_len: 32, Flags: unix.RTM_F_FIB_MATCH}})
		req.AddData(nl.NewRtAttr(unix.RTA_DST, to.AsSlice()))
		msgs, err := ns.Request(req, unix.RTM_NEWROUTE)
		if errors.Is(err, unix.ENETUNREACH) {
			continue
		}
		if err != nil || len(msgs) != 1 {
			return false
		}
		at, err := placeIn(msgs[0], nl.DeserializeRtMsg(msgs[0]))
		if err != nil || at.table != w.Table || at.to.Bits() >= w.To.Bits() {
			// Something is there, or hides what is there.
			return false
		}
	}
	return true
}
