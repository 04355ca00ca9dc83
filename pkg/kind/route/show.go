package route

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes what was found as the files would say it: a route by way of one device is the device's, and any other its
// namespace's.
func (kind) Show(doc *spec.Document, found []*Route, _ reconcile.JournalLookup) {
	for _, r := range found {
		dev, why := r.device(), r.withheld()
		switch {
		case why == byItself:
		case why != "":
			doc.LeaveOut(r.NS, dev, "route", why)
		case dev == "":
			spec.Append(doc.Namespace(r.NS), keyName, r.namespaceEntry())
		default:
			spec.Append(doc.End(r.NS, dev), keyName, r.endEntry())
		}
	}
}

// byItself are the routes that come with addresses and devices.
const byItself = "of the kernel"

// withheld is why a route is not shown; "" is no reason.
func (r *Route) withheld() string {
	switch {
	case r.Proto == unix.RTPROT_KERNEL:
		return byItself
	case !Protocol(r.Proto).IsAdministrators():
		return "of " + Protocol(r.Proto).String() + ", which looks after them itself"
	case r.whyNotInFiles() != "":
		return r.whyNotInFiles() + ", which cannot be written"
	case r.Sibling != "":
		return "beside another one to the same destination, which cannot be written"
	}
	err := spec.Unwritable(r.NS, "", r.namespaceEntry())
	if dev := r.device(); dev != "" {
		err = spec.Unwritable(r.NS, dev, r.endEntry())
	}
	if err != nil {
		return "that cannot be written: " + err.Error()
	}
	return ""
}

// device is the one that the route goes by, whatever its gateways are; "" for none, or several.
func (r *Route) device() string {
	ways := r.ways()
	if slices.ContainsFunc(ways, func(h Hop) bool { return h.Dev != ways[0].Dev }) {
		return ""
	}
	return ways[0].Dev
}

// entry says of a found route what is not as it would be by itself, but for its devices.
func (r *Route) entry() entry {
	e := entry{To: destination{Prefix: r.To, both: r.To.Bits() == 0}, Src: (*address.IP)(r.Src), MTU: r.MTU}
	if len(r.Hops) == 0 && r.Via.IsValid() {
		e.Via = (*gateway)(&r.Via)
	}
	if r.Metric != defaultMetric(r.To) {
		e.Metric = &r.Metric
	}
	if r.Table != r.Type.table() {
		e.Table = &r.Table
	}
	if r.Type != unix.RTN_UNICAST {
		e.Type = &r.Type
	}
	if usual := address.Scope(scopeOf(&Route{To: r.To, Type: r.Type, Via: r.Via, Hops: r.Hops})); r.Scope != nil && *r.Scope != usual {
		e.Scope = r.Scope
	}
	if valueOf(r.OnLink) {
		e.OnLink = r.OnLink
	}
	if !e.To.both {
		return e
	}
	// Which family's default it is has to be said where neither the gateways nor the source tell.
	told := e
	told.To.Prefix = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for _, h := range r.ways() {
		told.ways = append(told.ways, way{Hop: h})
	}
	if told.prefix() != r.To {
		family := "inet"
		if r.To.Addr().Is6() {
			family = "inet6"
		}
		e.Family = &family
	}
	return e
}

func (r *Route) endEntry() endEntry {
	e := endEntry{entry: r.entry()}
	if len(r.Hops) > 0 {
		e.NextHops = &[]nextHop{}
	}
	for _, h := range r.Hops {
		*e.NextHops = append(*e.NextHops, h.next())
	}
	return e
}

func (r *Route) namespaceEntry() namespaceEntry {
	e := namespaceEntry{entry: r.entry(), Dev: spec.IfName(r.Dev)}
	if len(r.Hops) > 0 {
		e.NextHops = &[]nextWay{}
	}
	for _, h := range r.Hops {
		*e.NextHops = append(*e.NextHops, nextWay{nextHop: h.next(), Dev: spec.IfName(h.Dev)})
	}
	return e
}

func (h Hop) next() (next nextHop) {
	if h.Via.IsValid() {
		next.Via = (*gateway)(&h.Via)
	}
	if h.Weight != 1 {
		next.Weight = &h.Weight
	}
	return next
}
