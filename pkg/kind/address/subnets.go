package address

import (
	"context"
	"net/netip"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
)

// Subnets returns the subnets of a namespace's addresses of a family (unix.AF_INET, unix.AF_INET6), each with the address's host
// bits; with a peer, the peer's.
func Subnets(ns *observe.NS, family int) ([]netip.Prefix, error) {
	msgs, err := dump(ns, family, 0)
	if err != nil {
		return nil, err
	}
	subnets := make([]netip.Prefix, 0, len(msgs))
	for _, msg := range msgs {
		a, err := parse(msg)
		if err != nil {
			return nil, err
		}
		in := a.Prefix
		if a.Peer != nil {
			in = netip.PrefixFrom(*a.Peer, in.Bits())
		}
		subnets = append(subnets, in)
	}
	return subnets, nil
}

// On returns the addresses of a namespace by interface name.
func On(ctx context.Context, ns *observe.NS) (map[string][]netip.Prefix, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	found, err := list(ns, unix.AF_UNSPEC, 0, links.ByIndex, reconcile.Query[*Address]{})
	on := map[string][]netip.Prefix{}
	for _, a := range found {
		on[a.Dev] = append(on[a.Dev], a.Prefix)
	}
	return on, err
}

// Own returns a namespace's own addresses of a family (unix.AF_INET, unix.AF_INET6).
func Own(ns *observe.NS, family int) (map[netip.Addr]bool, error) {
	msgs, err := dump(ns, family, 0)
	if err != nil {
		return nil, err
	}
	own := make(map[netip.Addr]bool, len(msgs))
	for _, msg := range msgs {
		a, err := parse(msg)
		if err != nil {
			return nil, err
		}
		own[a.Prefix.Addr()] = true
	}
	return own, nil
}
