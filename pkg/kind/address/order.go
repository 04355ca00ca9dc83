package address

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// The kernel depends on the order of a device's addresses in a subnet. The first IPv4 address is the primary one, the source of
// packets into the subnet; the next one becomes primary when it is deleted (promote_secondaries). Of otherwise equal IPv6
// addresses, the first one is the source (ipv6_dev_get_saddr in net/ipv6/addrconf.c). linkd keeps the addresses in the order of the
// file.
//
// The kernel appends a new IPv4 address after the others of its subnet (__inet_insert_ifa in net/ipv4/devinet.c), and inserts a new
// IPv6 address before those of its scope (ipv6_link_dev_addr in net/ipv6/addrconf.c). It never moves an address, so linkd deletes
// it and adds it again to move it.

// place is the position of an observed address among the declared ones of its subnet, and the state of its routes.
type place struct {
	// behind is an address that precedes this one in the file, and follows it in the kernel; the zero Prefix for none. again has
	// the addresses that linkd must delete and add again, in that order, to restore the file's order.
	behind netip.Prefix
	again  []netip.Prefix
	// primary is an address that linkd did not add, and that is the primary one, or would become it, instead of this one.
	primary netip.Prefix
	// lacks describes the routes that the kernel created with the address and that are missing.
	lacks string
	// shared is a foreign address on another interface in the same subnet.
	shared neighbouring
	// unrouted: the kernel has not created the route to the new address yet.
	unrouted bool
	// unrestorable is a missing route that linkd cannot restore.
	unrestorable string
}

func (p place) equal(other place) bool {
	return p.behind == other.behind && p.primary == other.primary && p.lacks == other.lacks && p.unrouted == other.unrouted && p.unrestorable == other.unrestorable && p.shared == other.shared && slices.Equal(p.again, other.again)
}

// remark returns why linkd cannot restore the file's order, or what it cannot restore.
func (p place) remark() string {
	if !p.primary.IsValid() {
		if p.unrestorable != "" {
			return fmt.Sprintf("somebody has deleted the kernel's route %s. The kernel restores it only if all addresses of that subnet are removed and added again", p.unrestorable)
		}
		return ""
	}
	return fmt.Sprintf("it cannot be the primary address of its subnet: %s comes before it, which linkd did not add and does not move", p.primary)
}

// group identifies addresses that the kernel keeps in one order.
type group struct {
	index  int
	subnet netip.Prefix
}

// groupOf returns the group of an address. The kernel compares the subnets of the peers.
func groupOf(a *Address) group {
	subnet, _ := spec.ValueOr(a.Peer, a.Prefix.Addr()).Prefix(a.Prefix.Bits())
	return group{a.index, subnet}
}

// places returns the places of observed addresses, which are in the kernel's order, without those that have nothing to report.
func places(found, wanted []*Address) map[*Address]place {
	ranks := make(map[string]map[netip.Prefix]int)
	for _, w := range wanted {
		if ranks[w.Dev] == nil {
			ranks[w.Dev] = map[netip.Prefix]int{}
		}
		ranks[w.Dev][w.Prefix] = w.rank
	}
	groups := map[group][]*Address{}
	for _, a := range found {
		if len(ranks[a.Dev]) > 1 {
			groups[groupOf(a)] = append(groups[groupOf(a)], a)
		}
	}
	at := map[*Address]place{}
	for _, in := range groups {
		if len(in) > 1 {
			arrange(in, ranks[in[0].Dev], at)
		}
	}
	return at
}

// arrange compares the order of a subnet's addresses with their ranks in the file.
func arrange(in []*Address, rank map[netip.Prefix]int, at map[*Address]place) {
	var ours []*Address // in the kernel's order
	var first *Address  // of all, except those that linkd is about to delete
	for _, a := range in {
		_, wanted := rank[a.Prefix]
		owned := (kind{}).Owned(a)
		if wanted && owned {
			ours = append(ours, a)
		}
		if first == nil && (wanted || !owned) {
			first = a
		}
	}
	if len(ours) < 2 {
		return
	}
	ordered := slices.Clone(ours)
	slices.SortStableFunc(ordered, func(a, b *Address) int { return cmp.Compare(rank[a.Prefix], rank[b.Prefix]) })
	again := addAgain(ours, ordered)
	if ordered[0].Prefix.Addr().Is4() {
		// The others move up.
		goes := make(map[*Address]bool, len(again))
		for _, a := range again {
			goes[a] = true
		}
		stays := slices.IndexFunc(in, func(a *Address) bool {
			_, wanted := rank[a.Prefix]
			return !goes[a] && (wanted || !(kind{}).Owned(a))
		})
		foreign := func(a *Address) bool { return !(kind{}).Owned(a) }
		switch {
		case foreign(first):
			at[ordered[0]] = place{primary: first.Prefix}
		case stays >= 0 && foreign(in[stays]):
			// It would become the primary one.
			at[ordered[0]] = place{primary: in[stays].Prefix}
			return
		}
	}
	prefixes := make([]netip.Prefix, len(again))
	for i, a := range again {
		prefixes[i] = a.Prefix
	}
	lowest := ours[len(ours)-1]
	for _, a := range slices.Backward(ours) {
		if rank[lowest.Prefix] < rank[a.Prefix] {
			p := at[a]
			p.behind, p.again = lowest.Prefix, prefixes
			at[a] = p
		} else {
			lowest = a
		}
	}
}

// addAgain returns the fewest addresses that linkd must delete and add again to restore the order, in the order in which to do
// that.
func addAgain(present, ordered []*Address) (again []*Address) {
	if ordered[0].Prefix.Addr().Is6() {
		// The kernel inserts new ones first.
		present, ordered = slices.Clone(present), slices.Clone(ordered)
		slices.Reverse(present)
		slices.Reverse(ordered)
	}
	stay := 0
	for _, a := range present {
		if a == ordered[stay] {
			if stay++; stay == len(ordered) {
				return nil
			}
		}
	}
	return ordered[stay:]
}

// follow notes that the address follows another of its subnet in the file; nil for none.
func (a *Address) follow(before *Address) {
	switch {
	case before == nil:
		return
	case a.Prefix.Addr().Is4():
		a.after = []spec.ID{before.ID()}
	default:
		// The kernel inserts new ones first.
		before.after = []spec.ID{a.ID()}
	}
	a.ordered, before.ordered = true, true
}

// reorder deletes and adds the addresses of have's device that are in again, one after the other, and restores the routes that
// depend on them.
func reorder(ns *observe.NS, have *Address, index int) error {
	found, err := listOn(ns, have, index)
	if err != nil {
		return err
	}
	var moved []*Address
	for _, prefix := range have.again {
		i := slices.IndexFunc(found, func(a *Address) bool { return a.Prefix == prefix && (kind{}).Owned(a) })
		if i >= 0 {
			found[i].index = index
			moved = append(moved, found[i])
		}
	}
	return sparingRoutes(ns, moved, func() error {
		for _, a := range moved {
			if err := addOnceMore(ns, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// addOnceMore deletes an observed address and adds it with the same attributes. It skips duplicate address detection for an IPv6
// address that was usable, because this host had it all the time.
func addOnceMore(ns *observe.NS, a *Address) error {
	if err := (kind{}).Delete(context.Background(), ns, a); err != nil {
		return err
	}
	usable := a.Prefix.Addr().Is6() && !a.Tentative && !spec.ValueOr(a.NoDAD, false)
	again := *a
	if usable {
		yes := true
		again.NoDAD = &yes
	}
	err := ns.Change(newAddress(&again, a.index, unix.NLM_F_CREATE|unix.NLM_F_EXCL))
	if err != nil || !usable {
		return err
	}
	return ns.Change(newAddress(a, a.index, unix.NLM_F_REPLACE))
}
