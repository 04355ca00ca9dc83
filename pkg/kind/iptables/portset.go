package iptables

import (
	"math"
	"net/netip"
)

// publishedPorts has the ports of entries of publish, by protocol and address. The zero Prefix stands for all addresses.
type publishedPorts map[publishedOn]*portTree

type publishedOn struct {
	protocol string
	address  netip.Prefix
}

// hides returns the first earlier entry that gets packets instead of p. An entry for a single address does not hide a later one for
// all addresses: it is an exception.
func (ps publishedPorts) hides(p publish) (entry int, hidden bool) {
	entry = math.MaxInt
	for _, address := range []netip.Prefix{{}, p.Address.prefix} {
		if t := ps[publishedOn{p.protocol(), address}]; t != nil {
			entry = min(entry, t.first(p.Port.first, p.Port.last, 0, math.MaxUint16))
		}
	}
	return entry, entry < math.MaxInt
}

// add adds the ports of p, the entry with that number. The numbers must ascend.
func (ps publishedPorts) add(p publish, entry int) {
	on := publishedOn{p.protocol(), p.Address.prefix}
	if ps[on] == nil {
		ps[on] = newPortTree()
	}
	ps[on].add(p.Port.first, p.Port.last, entry, 0, math.MaxUint16)
}

// portTree finds the first of many port ranges that overlaps another one, in a number of steps that does not depend on how many
// there are. A node represents the ports from low to high, and its halves the lower and the upper half. add creates a node when a
// range ends in it.
type portTree struct {
	// whole is the first range that contains all ports of the node, and any the first that contains one of them.
	whole, any int
	halves     [2]*portTree
}

func newPortTree() *portTree { return &portTree{whole: math.MaxInt, any: math.MaxInt} }

func (t *portTree) add(first, last uint16, entry int, low, high uint16) {
	if last < low || first > high {
		return
	}
	t.any = min(t.any, entry)
	if first <= low && high <= last {
		t.whole = min(t.whole, entry)
		return
	}
	middle := low + (high-low)/2
	for i, half := range [2][2]uint16{{low, middle}, {middle + 1, high}} {
		if last < half[0] || first > half[1] {
			continue
		}
		if t.halves[i] == nil {
			t.halves[i] = newPortTree()
		}
		t.halves[i].add(first, last, entry, half[0], half[1])
	}
}

func (t *portTree) first(first, last, low, high uint16) int {
	switch {
	case t == nil || last < low || first > high:
		return math.MaxInt
	case first <= low && high <= last:
		return t.any
	}
	middle := low + (high-low)/2
	return min(t.whole, t.halves[0].first(first, last, low, middle), t.halves[1].first(first, last, middle+1, high))
}
