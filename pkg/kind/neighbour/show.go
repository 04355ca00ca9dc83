package neighbour

import (
	"net/netip"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show implements reconcile.Shower.
func (kind) Show(page *spec.Page, found []*Neighbour, _ reconcile.Kept) {
	shown := map[string][]entry{}
	for _, n := range found {
		e := entry{To: neighbourIP(n.To), MAC: spec.AnyMAC(n.MAC), Proxy: n.Proxy}
		switch err := spec.Unwritable(n.NS, n.Dev, e); {
		case n.Proto != 0 && n.Proto != address.Mark, !n.Proxy && n.State != permanent:
			page.LeaveOut(n.NS, n.Dev, "neighbour", "that a program looks after")
		case err != nil:
			page.LeaveOut(n.NS, n.Dev, "neighbour", "that cannot be written: "+err.Error())
		default:
			shown[n.Dev] = append(shown[n.Dev], e)
		}
	}
	for dev, entries := range shown {
		// The kernel's order is that of a hash (neigh_dump_table in net/core/neighbour.c).
		slices.SortFunc(entries, func(a, b entry) int { return netip.Addr(a.To).Compare(netip.Addr(b.To)) })
		page.End(found[0].NS, dev).Set(keyName, entries)
	}
}
