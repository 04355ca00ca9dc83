package fdb

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes the entries as YAML. The link itself shows the hosts to which a VXLAN sends frames for unknown addresses.
func (kind) Show(doc *spec.Document, found []*Entry, _ reconcile.JournalLookup) {
	// The kernel's order is that of a hash table.
	byAddress := slices.SortedStableFunc(slices.Values(found), func(a, b *Entry) int {
		return cmp.Or(strings.Compare(a.MAC, b.MAC), cmp.Compare(a.VLAN, b.VLAN), a.Dst.Compare(b.Dst))
	})
	for _, e := range byAddress {
		w := e.entry()
		switch err := spec.Unwritable(e.NS, e.Dev, w); {
		case e.State == local, e.MAC == spec.ZeroMAC:
		case e.State != static:
			doc.LeaveOut(e.NS, e.Dev, "forwarding entry", "that goes its own way, which cannot be written")
		case err != nil:
			doc.LeaveOut(e.NS, e.Dev, "forwarding entry", "that cannot be written: "+err.Error())
		default:
			spec.Append(doc.End(e.NS, e.Dev), kindName, w)
		}
	}
}

func (e *Entry) entry() entry {
	w := entry{MAC: spec.AnyMAC(e.MAC)}
	if e.VLAN != 0 {
		w.VLAN = &e.VLAN
	}
	if e.Dst.IsValid() {
		dst := host(e.Dst)
		w.Dst = &dst
	}
	return w
}

// Remotes returns the hosts to which a VXLAN sends frames for unknown addresses. special reports whether it reaches some of them
// with another port, VNI or device than its own.
func Remotes(ns *observe.NS, vxlan *observe.Link) (hosts []netip.Addr, special bool, err error) {
	entries, err := list(ns, unix.NDA_IFINDEX, vxlan.Index, func(int) string { return vxlan.Name })
	for _, e := range entries {
		switch {
		case e.MAC != spec.ZeroMAC || !e.Dst.IsValid():
		case e.State != static || (e.Via != "" && !e.Dst.IsMulticast()):
			special = true
		case !e.Dst.IsMulticast():
			hosts = append(hosts, e.Dst)
		}
	}
	slices.SortFunc(hosts, netip.Addr.Compare)
	return hosts, special, err
}
