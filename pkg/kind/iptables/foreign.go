package iptables

import (
	"net/netip"
	"slices"
)

// linkd does not masquerade packets that another program masquerades: Docker has such a rule for each of its networks. The first of
// two identical rules decides for every packet (the table nat is not applied to a translated connection again), and as linkd's jump
// is last, that is the foreign one. So linkd leaves its rule out while the foreign one exists, and adds it afterwards.
//
// linkd does that for masquerade only. Its rules in FORWARD precede foreign ones on purpose: without them, the rules between the
// two would decide.

// before returns the foreign rules in a built-in chain that a packet meets before linkd's jump to c; all of them if the jump does
// not exist yet.
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

// isMadeIn reports whether one of the foreign rules does the same.
func (r Rule) isMadeIn(others []Rule) bool {
	return r.masquerades && slices.ContainsFunc(others, func(other Rule) bool {
		return other.Mark == "" && slices.Equal(other.Args, r.Args)
	})
}

// leftOut returns the rules of the chain that other programs have, too.
func (c *Chain) leftOut(around surroundings) (rules []Rule) {
	for _, r := range c.Rules {
		if r.isMadeIn(around.Before) {
			rules = append(rules, r)
		}
	}
	return rules
}

// Masqueraded returns the networks whose packets the chain masquerades.
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

// Spared returns the entries of masquerade for which linkd has no rule, because another program has one, as iptables would print
// it.
func (s *Firewall) Spared() map[*Chain][]string {
	spared := map[*Chain][]string{}
	for _, c := range s.wanted {
		for _, r := range c.leftOut(s.table(c.Table).chain(c.NS, s.family, c.Name, s.around).Around) {
			spared[c] = append(spared[c], r.text())
		}
	}
	return spared
}
