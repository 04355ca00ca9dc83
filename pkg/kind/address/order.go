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

// The order of a device's addresses in one subnet matters to the kernel. The first IPv4 address is the primary one, which is the
// source of what is sent into the subnet; the next is primary after it (promote_secondaries). Of IPv6 addresses that are
// equal otherwise, the first is the source (ipv6_dev_get_saddr in net/ipv6/addrconf.c). linkd makes it the order of the
// file.
//
// The kernel puts a new IPv4 address behind the others of its subnet (__inet_insert_ifa in net/ipv4/devinet.c), and a new
// IPv6 address before those of its scope (ipv6_link_dev_addr in net/ipv6/addrconf.c). It never moves one, so an address moves by
// being deleted and added again.

// place is where a found address stands among those of its subnet that the files declare, and among routes.
type place struct {
	// behind is an address that the file has before this one, and that stands behind it; the zero Prefix is none. again are
	// those that have to be added again to put the subnet into the file's order, in the order in which to do that.
	behind netip.Prefix
	again  []netip.Prefix
	// primary is an address that linkd did not make, and that is the primary one, or would become that, in the place of
	// this one.
	primary netip.Prefix
	// lacks are the routes that the kernel made with the address and that are not there any more, in words.
	lacks string
	// shared is an address of somebody else's on another interface in the same subnet.
	shared neighbouring
	// unrouted: the kernel has not made the route to the new address yet.
	unrouted bool
}

func (p place) equal(other place) bool {
	return p.behind == other.behind && p.primary == other.primary && p.lacks == other.lacks && p.unrouted == other.unrouted && p.shared == other.shared && slices.Equal(p.again, other.again)
}

// remark is why the file's order cannot be had.
func (p place) remark() string {
	if !p.primary.IsValid() {
		return ""
	}
	return fmt.Sprintf("it cannot be the primary address of its subnet: %s comes before it, which linkd did not add and does not move", p.primary)
}

// group is what the kernel has one order of.
type group struct {
	index  int
	subnet netip.Prefix
}

// groupOf is the group of an address. The kernel compares the subnets of the far ends.
func groupOf(a *Address) group {
	subnet, _ := spec.ValueOr(a.Peer, a.Prefix.Addr()).Prefix(a.Prefix.Bits())
	return group{a.index, subnet}
}

// places are where found addresses stand, which are in the kernel's order; those of which there is nothing to say are left out.
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

// arrange compares the order of a subnet's addresses with the ranks that the file gives them.
func arrange(in []*Address, rank map[netip.Prefix]int, at map[*Address]place) {
	var ours []*Address // in the kernel's order
	var first *Address  // of all, but those that are about to go
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
		// What stays moves up.
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

// addAgain are those of some addresses that have to be added again to put them into order, the fewest, and in the order in which
// to do that.
func addAgain(present, ordered []*Address) (again []*Address) {
	if ordered[0].Prefix.Addr().Is6() {
		// New ones come first.
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

// follow notes that the file has the address behind another of its subnet, nil for none.
func (a *Address) follow(before *Address) {
	switch {
	case before == nil:
		return
	case a.Prefix.Addr().Is4():
		a.after = []spec.ID{before.ID()}
	default:
		// New ones come first.
		before.after = []spec.ID{a.ID()}
	}
	a.ordered, before.ordered = true, true
}

// reorder adds addresses of have's device again, one after the other, as the kernel has them, and puts back the routes that go
// with them.
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

// addOnceMore deletes a found address and adds it as it was. An IPv6 address that was usable is usable at once, for this host has had
// it all the time.
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
