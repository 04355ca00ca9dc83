package iptables

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/plain"
)

// Captured is a published port for which another program has a rule, too. If two rules translate a packet, the first one decides.
type Captured struct {
	// Text says where the packets go.
	Text string
	// To is the destination in the other rule; the zero AddrPort if linkd does not know it.
	To netip.AddrPort
	// Lost: the packets do not reach linkd's rule. Open: linkd cannot tell. Otherwise they do now, and may not after the other
	// program creates its rules again.
	Lost, Open bool
	// path is the path of the entry of publish.
	path string
}

// order says which of two rules the kernel applies first.
type order int

const (
	linkdFirst order = iota
	othersFirst
	// eitherFirst: that depends on which of two tables was created later.
	eitherFirst
)

// priorityOfNat is NF_IP_PRI_NAT_DST in linux/netfilter_ipv4.h, the priority of the chains PREROUTING and OUTPUT of iptables' table
// nat.
const priorityOfNat = -100

// mostOwnAddresses is how many addresses of a namespace linkd considers. If there are more, it reports nothing.
const mostOwnAddresses = 256

// rival is a base chain with foreign rules, and its order relative to linkd's.
type rival struct {
	order  order
	follow func(p arriving, steps *int) *capture
}

// captured returns which packets for ports that linkd's chains publish other programs translate, by the keys of the chains' IDs.
// Call it inside the namespace.
func (f family) captured(ns *observe.NS, v *view, wanted []*Chain, nft *nftFilter) (map[string][]Captured, error) {
	var own []netip.Addr
	found := map[string][]Captured{}
	for _, c := range wanted {
		if !c.publishes() {
			continue
		}
		rivals := v.rivals(c, nft)
		if len(rivals) == 0 {
			continue
		}
		if own == nil {
			addresses, err := address.Own(ns, f.inet)
			if err != nil {
				return nil, err
			}
			if own = slices.SortedFunc(maps.Keys(addresses), netip.Addr.Compare); len(own) > mostOwnAddresses {
				return found, nil
			}
		}
		steps := mostSteps
		for _, r := range c.Rules {
			if !r.publishes() {
				continue
			}
			if one, is := r.capturedBy(rivals, c.hook(), own, &steps); is {
				key := c.ID().Key
				found[key] = append(found[key], one)
			}
		}
	}
	return found, nil
}

// publishes reports whether the chain translates packets for an entry of publish.
func (c *Chain) publishes() bool {
	return c.Table == nat && slices.Contains(translators, c.hook()) && slices.ContainsFunc(c.Rules, Rule.publishes)
}

// publishes reports whether the rule translates packets for an entry of publish.
func (r Rule) publishes() bool { return !r.Verbatim && r.targets() == "DNAT" }

// rivals returns the foreign chains that may translate the same packets as a chain of linkd's.
func (v *view) rivals(c *Chain, nft *nftFilter) (rivals []rival) {
	add := func(o order, t *table, rules []Rule) {
		if len(rules) > 0 {
			rivals = append(rivals, rival{o, func(p arriving, steps *int) *capture { return t.captures(c.hook(), rules, p, steps) }})
		}
	}
	t := v.table(nat)
	before := t.before(c)
	add(othersFirst, t, before)
	for _, b := range nft.bases {
		if b.hook != c.hook() || b.priority > priorityOfNat {
			// Packets that linkd translated do not reach it.
			continue
		}
		o := othersFirst
		if b.priority == priorityOfNat {
			o = eitherFirst
		}
		rivals = append(rivals, rival{o, func(p arriving, steps *int) *capture { return nft.captures(b, p, steps) }})
	}
	if other := v.others[nat]; other != nil {
		add(eitherFirst, other, other.chains[c.hook()])
	}
	add(linkdFirst, t, slices.DeleteFunc(slices.Clone(t.chains[c.hook()][len(before):]), c.isJump))
	slices.SortStableFunc(rivals, func(a, b rival) int { return a.order.rank() - b.order.rank() })
	return rivals
}

// rank orders the worst first.
func (o order) rank() int { return slices.Index([]order{othersFirst, eitherFirst, linkdFirst}, o) }

// captures follows packets for a published port through rules of a built-in chain, and returns the rule that certainly captures
// some of them; nil if there is none.
func (t *table) captures(hook string, rules []Rule, p arriving, steps *int) *capture {
	w := natWalk{final: true, steps: steps, chain: func(name string) (found []natRule, known bool) {
		in, known := t.chains[name]
		if name == hook {
			in = rules
		}
		for _, r := range in {
			found = append(found, r)
		}
		return found, known
	}}
	by, _ := w.through(hook, p, 0)
	if w.lost {
		return nil
	}
	return by
}

// named describes the rule and its chain.
func (r Rule) named(chain string) string {
	if chain == "DOCKER" {
		return "Docker's rule in " + chain + ": " + r.text()
	}
	return "a rule in " + chain + ": " + r.text()
}

// capturedBy returns the first rival that captures packets for the port that the rule publishes.
func (r Rule) capturedBy(rivals []rival, hook string, own []netip.Addr, steps *int) (found Captured, is bool) {
	p, target := r.arrives(hook, own)
	if p.none() {
		return found, false
	}
	for _, rival := range rivals {
		by := rival.follow(p, steps)
		if by == nil || by.to != "" && sameTarget(by.first, by.to, target) || by.to == "" && rival.order == linkdFirst {
			continue
		}
		found.path = r.path
		found.Lost, found.Open = rival.order == othersFirst, rival.order == eitherFirst
		found.To, _ = endOf(by.to, by.first)
		what := "packets for "
		if hook == "OUTPUT" {
			what = "packets from the namespace itself to "
		}
		found.Text = what + by.describe(p, observe.Protocols[p.protocol]) + rival.order.outcome(by, target)
		return found, true
	}
	return found, false
}

// outcome says which of two destinations the packets get.
func (o order) outcome(by *capture, target string) string {
	to := "do not go to " + target
	if by.to != "" {
		to = fmt.Sprintf("go to %s and not to %s", by.to, target)
	}
	switch o {
	case eitherFirst:
		return fmt.Sprintf(" may not go to %s: the kernel may apply another table before linkd's, which has %s", target, by.by)
	case linkdFirst:
		return fmt.Sprintf(" go to %s and not to %s, as long as linkd's rule precedes %s", target, by.to, by.by)
	}
	return fmt.Sprintf(" %s, because linkd's rule follows %s", to, by.by)
}

// capturedText returns the remark on a chain of linkd's about captured ports.
func capturedText(all []Captured) string {
	all = slices.DeleteFunc(slices.Clone(all), func(c Captured) bool { return !c.Lost && !c.Open })
	if len(all) == 0 {
		return ""
	}
	text := all[0].Text
	if more := len(all) - 1; more > 0 {
		text += " (the same for " + plain.Count(more, "other published port") + ")"
	}
	return text
}

// Captured returns the published ports of linkd's chains for which other programs have a rule, too.
func (s *Firewall) Captured() map[*Chain][]Captured {
	by := map[*Chain][]Captured{}
	for _, c := range s.wanted {
		by[c] = s.around.captured[c.ID().Key]
	}
	return by
}
