package iptables

import (
	"net/netip"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Published is a port that the files publish, and for which no other program has a rule.
type Published struct {
	// Chain is the chain that translates packets from other hosts.
	Chain spec.ID
	// Protocol is the protocol's number, and Name its name.
	Protocol    uint8
	Name        string
	First, Last uint16
	// At has the addresses of the namespace on which the port is published. Loopback: it is published on loopback addresses, too.
	At       []netip.Addr
	Loopback bool
	// To is the target: ADDRESS:PORT, or ADDRESS if the port stays.
	To string
}

// Published returns the published ports of the namespace. addresses has its addresses of both families.
func (s *Firewall) Published(addresses []netip.Addr) (published []Published) {
	own := slices.DeleteFunc(slices.Clone(addresses), func(ip netip.Addr) bool { return ip.BitLen() != s.family.bits })
	loopback := map[string]bool{}
	for _, c := range s.wanted {
		if !c.publishes() || c.hook() != "OUTPUT" {
			continue
		}
		for _, r := range c.Rules {
			p, _ := r.arrives("OUTPUT", own)
			for _, ip := range p.at {
				loopback[r.path] = loopback[r.path] || ip.IsLoopback()
			}
		}
	}
	for _, c := range s.wanted {
		if !c.publishes() || c.hook() != "PREROUTING" {
			continue
		}
		for _, r := range c.Rules {
			captured := slices.ContainsFunc(s.around.captured[c.ID().Key], func(c Captured) bool { return c.path == r.path })
			if p, to := r.arrives("PREROUTING", own); r.publishes() && !p.none() && !captured {
				published = append(published, Published{c.ID(), p.protocol, observe.Protocols[p.protocol], p.first, p.last, p.at, loopback[r.path], to})
			}
		}
	}
	return published
}
