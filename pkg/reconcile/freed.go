package reconcile

import (
	"net/netip"
	"slices"

	"linkd/pkg/spec"
)

// noteFreed sets in the ops which IP addresses are gone after them, if another op of the plan creates such a resource.
func (c *comparison) noteFreed(ops []*Op) {
	if !slices.ContainsFunc(ops, (*Op).removes) {
		return
	}
	taken := map[string]bool{} // kinds
	for _, op := range ops {
		if op.takes().IsValid() {
			taken[op.ID().Kind] = true
		}
	}
	if len(taken) == 0 {
		return
	}
	on := soleOn{c, taken, map[scope]map[spec.ID][]netip.Addr{}}
	for _, op := range ops {
		if !op.removes() {
			continue
		}
		for _, id := range append(c.losses.lostWith(op.Have), op.Have.ID()) {
			if ip := relationsOf(c.found.get(id)).Sole; ip.IsValid() {
				op.frees = append(op.frees, ip)
			}
			op.frees = append(op.frees, on.link(id)...)
		}
	}
}

// soleOn has the IP addresses of the observed resources that need another one, for the namespaces in which some are deleted.
type soleOn struct {
	*comparison
	kinds map[string]bool
	known map[scope]map[spec.ID][]netip.Addr
}

// link returns the IP addresses that go together with a resource.
func (s soleOn) link(id spec.ID) (ips []netip.Addr) {
	for kind := range s.kinds {
		at := scope{id.NS, kind}
		if s.known[at] == nil {
			s.known[at] = map[spec.ID][]netip.Addr{}
			for _, r := range s.found.in(at).all() {
				if ip := r.Relations().Sole; ip.IsValid() {
					for _, need := range r.Needs() {
						s.known[at][need] = append(s.known[at][need], ip)
					}
				}
			}
		}
		ips = append(ips, s.known[at][id]...)
	}
	return ips
}

// takes returns the IP address that the op creates; the zero Addr if it creates none.
func (op *Op) takes() (ip netip.Addr) {
	if op.Verb == Create {
		ip = relationsOf(op.Want).Sole
	}
	return ip
}

// freedBy returns, for the place in ops of each op that frees IP addresses, the places of those that create them. The kernel begins
// duplicate address detection when an address is created, and refuses it for good if another interface on the link still has it.
func freedBy(ops []*Op) map[int][]int {
	if !slices.ContainsFunc(ops, func(op *Op) bool { return len(op.frees) > 0 }) {
		return nil
	}
	takers := map[netip.Addr][]int{}
	for i, op := range ops {
		if ip := op.takes(); ip.IsValid() {
			takers[ip] = append(takers[ip], i)
		}
	}
	thens := map[int][]int{}
	for i, op := range ops {
		for _, ip := range op.frees {
			for _, then := range takers[ip] {
				if !slices.Contains(thens[i], then) {
					thens[i] = append(thens[i], then)
				}
			}
		}
	}
	return thens
}
