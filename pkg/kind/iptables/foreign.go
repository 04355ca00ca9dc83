package iptables

import (
	"net/netip"
	"slices"
)

// What others masquerade already is not masqueraded twice: Docker has such a rule for each of its networks. The first of
// two alike decides for every packet (a translated connection does not come to the table nat again), and as linkd's jump
// stands last, that is the others' one. So linkd's is left out while it is there, and is put in once it goes.
//
// It is done for masquerade alone. A rule of linkd's in FORWARD stands in front of others' on purpose: to leave it out
// would let what is between the two decide.

// before are the rules of others in a built-in chain that a packet meets before linkd's jump to c; all of them where
// that is still to be made.
func (t *table) before(c *Chain) []Rule {
	if t.name != "nat" {
		return nil
	}
	rules := t.chains[c.hook()]
	if jumps := t.jumps(c, c.hook()); len(jumps) > 0 {
		rules = rules[:jumps[0]]
	}
	return rules
}

// isMadeIn tells whether rules that others made have one that does the same.
func (r Rule) isMadeIn(others []Rule) bool {
	return r.masquerades && slices.ContainsFunc(others, func(other Rule) bool {
		return other.Mark == "" && slices.Equal(other.Args, r.Args)
	})
}

// leftOut are the rules of the chain that others have made.
func (c *Chain) leftOut(around surroundings) (rules []Rule) {
	for _, r := range c.Rules {
		if r.isMadeIn(around.Before) {
			rules = append(rules, r)
		}
	}
	return rules
}

// Masqueraded are the networks whose packets the chain masquerades.
func (c *Chain) Masqueraded() (networks []netip.Prefix) {
	for _, r := range c.Rules {
		if at := slices.Index(r.Args, "-s"); r.masquerades && at >= 0 {
			if p, err := netip.ParsePrefix(r.Args[at+1]); err == nil {
				networks = append(networks, p)
			}
		}
	}
	return networks
}

// Spared are the entries of masquerade that linkd has no rule for, because others have, as iptables would print them.
func (s *Firewall) Spared() map[*Chain][]string {
	spared := map[*Chain][]string{}
	for _, c := range s.wanted {
		for _, r := range c.leftOut(s.table(c.Table).chain(c.NS, s.family, c.Name, s.around).Around) {
			spared[c] = append(spared[c], r.text())
		}
	}
	return spared
}
