package iptables

import (
	"net/netip"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Published is a port that the files publish, for which nobody else has a rule.
type Published struct {
	// Chain is the chain that translates what comes from elsewhere.
	Chain spec.ID
	// Protocol is the number, and Name the name, of the protocol.
	Protocol    uint8
	Name        string
	First, Last uint16
	// At are the addresses of the namespace on which it is published. Loopback: what goes to a loopback address is sent on as well.
	At       []netip.Addr
	Loopback bool
	// To is the target: ADDRESS:PORT, or ADDRESS where the port stays.
	To string
}

// Published are the published ports of the namespace whose addresses of both families are given.
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
