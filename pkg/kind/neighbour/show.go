package neighbour

import (
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes the neighbours as YAML.
func (kind) Show(doc *spec.Document, found []*Neighbour, _ reconcile.JournalLookup) {
	// The kernel's order is that of a hash table (neigh_dump_table in net/core/neighbour.c).
	byAddress := slices.SortedStableFunc(slices.Values(found), func(a, b *Neighbour) int { return a.To.Compare(b.To) })
	for _, n := range byAddress {
		e := entry{To: neighbourIP(n.To), MAC: spec.AnyMAC(n.MAC), Proxy: n.Proxy}
		switch err := spec.Unwritable(n.NS, n.Dev, e); {
		case n.Proto != 0 && n.Proto != address.Mark, !n.Proxy && n.State != permanent:
			doc.LeaveOut(n.NS, n.Dev, "neighbour", "that a program looks after")
		case err != nil:
			doc.LeaveOut(n.NS, n.Dev, "neighbour", "that cannot be written: "+err.Error())
		default:
			spec.Append(doc.End(n.NS, n.Dev), keyName, e)
		}
	}
}
