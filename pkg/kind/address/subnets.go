package address

import (
	"maps"
	"net/netip"
	"slices"

	"linkd/pkg/observe"
)

// Subnets are the networks that a namespace's addresses of a family (unix.AF_INET, unix.AF_INET6) are in, each with the
// bits of an address; with a peer, the peer's.
func Subnets(ns *observe.NS, family int) ([]netip.Prefix, error) {
	byIndex, err := SubnetsByIndex(ns, family)
	return slices.Concat(slices.Collect(maps.Values(byIndex))...), err
}

// SubnetsByIndex are the same by the index of the interface.
func SubnetsByIndex(ns *observe.NS, family int) (map[int][]netip.Prefix, error) {
	msgs, err := dump(ns, family, 0)
	if err != nil {
		return nil, err
	}
	subnets := map[int][]netip.Prefix{}
	for _, msg := range msgs {
		a, err := parse(msg)
		if err != nil {
			return nil, err
		}
		in := a.Prefix
		if a.Peer != nil {
			in = netip.PrefixFrom(*a.Peer, in.Bits())
		}
		subnets[a.index] = append(subnets[a.index], in)
	}
	return subnets, nil
}
