package route

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes the observed routes as files would declare them: a route through one device on the device, and any other in its
// namespace.
func (kind) Show(doc *spec.Document, found []*Route, kept reconcile.JournalLookup) {
	for _, r := range found {
		if _, replaces := kept(spec.ReplacedID(r.NS, kindName+" "+r.ID().Key)); replaces && (kind{}).Owned(r) {
			r.Replace = true
		}
		dev, why := r.device(), r.whyNotShown()
		switch {
		case why == byItself:
		case r.Proto == address.Mark && r.isOf(doc.Leases[spec.LeaseClient{NS: r.NS, Device: dev}]):
			if r.Metric != defaultMetric(r.To) {
				doc.End(r.NS, dev).Set(spec.LeaseKey(false), leaseEntry{r.Metric})
			}
		case why != "":
			doc.LeaveOut(r.NS, dev, "route", why)
		case dev == "":
			spec.Append(doc.Namespace(r.NS), keyName, r.namespaceEntry())
		default:
			spec.Append(doc.End(r.NS, dev), keyName, r.endEntry())
		}
	}
}

// leaseEntry is what the key dhcp says of the routes of a lease.
type leaseEntry struct {
	Metric uint32 `yaml:"metric"`
}

// isOf reports whether a route is one of a lease.
func (r *Route) isOf(lease spec.Lease) bool {
	return slices.ContainsFunc(lease.Routes, func(l spec.LeasedRoute) bool {
		return l.To == r.To && l.Via == r.Via
	})
}

// byItself says that the kernel creates the route together with an address or a device.
const byItself = "of the kernel"

// whyNotShown returns why Show does not write a route; "" if it does.
func (r *Route) whyNotShown() string {
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

// device returns the one device of the route; "" for none, or several.
func (r *Route) device() string {
	hops := r.hops()
	if slices.ContainsFunc(hops, func(h Hop) bool { return h.Dev != hops[0].Dev }) {
		return ""
	}
	return hops[0].Dev
}

// entry returns the keys of an observed route that differ from their defaults, without its devices.
func (r *Route) entry() entry {
	e := entry{To: destination{Prefix: r.To, both: r.To.Bits() == 0}, Src: (*address.IP)(r.Src),
		MTU: r.MTU, AdvMSS: r.AdvMSS, InitCwnd: r.InitCwnd, InitRwnd: r.InitRwnd, HopLimit: r.HopLimit, Cwnd: r.Cwnd, Encap: r.Encap}
	if r.QuickAck != nil {
		set := *r.QuickAck != 0
		e.QuickAck = &set
	}
	if valueOf(r.Pref) != prefMedium {
		e.Pref = r.Pref
	}
	if r.TOS != 0 {
		e.TOS = &r.TOS
	}
	if r.Replace {
		e.Adopt = &r.Replace
	}
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
	// A default route needs a family if neither the gateways nor the source imply it.
	written := e
	written.To.Prefix = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	for _, h := range r.hops() {
		written.hops = append(written.hops, declaredHop{Hop: h})
	}
	if written.prefix() != r.To {
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
		e.NextHops = &[]deviceHop{}
	}
	for _, h := range r.Hops {
		*e.NextHops = append(*e.NextHops, deviceHop{nextHop: h.next(), Dev: spec.IfName(h.Dev)})
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
	if h.OnLink == isOnLink {
		next.OnLink = h.OnLink.given()
	}
	return next
}
