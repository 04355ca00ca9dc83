package iptables

import (
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// ownPrefix makes a chain linkd's.
const ownPrefix = "LINKD-"

// isOwn tells whether a chain has a name that linkd gives. Through nf_tables whoever is root in a namespace can give a chain
// a name with quotes, blanks and line feeds in it, of which some would become options of the program that linkd runs as
// root to delete the chain.
func isOwn(name string) bool {
	return strings.HasPrefix(name, ownPrefix) && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// Chain is a chain of linkd's own with all that is in it, and the jump that leads there.
type Chain struct {
	NS, Family, Table, Name string
	Rules                   []Rule
	Source                  spec.Source
	// siblings are all chains that are wanted of the table, with this one: they are written together.
	siblings []*Chain
	// unforwarded: it is for packets that go through the namespace, and the files do not say that these may.
	unforwarded bool

	// What was found: the chains that jump here, those from which the jump has to be, and what is around.
	Jumps, Hooks []string
	Around       surroundings
	// removal is what it was found to be a part of; nil where it is wanted.
	removal *removal
}

// ID implements spec.Resource.
func (c *Chain) ID() spec.ID { return spec.ID{NS: c.NS, Kind: c.Family, Key: c.Table + "/" + c.Name} }

// Needs implements spec.Resource. A rule may name a device that is not there.
func (c *Chain) Needs() []spec.ID { return nil }

// Relations implements spec.Resource.
func (c *Chain) Relations() spec.Relations { return spec.Relations{} }

// Origin implements spec.Resource.
func (c *Chain) Origin() spec.Source { return c.Source }

// announced implements Resource. What keeps packets from being forwarded goes as silently as it came, so it
// is looked for again while it is there.
func (c *Chain) announced() bool {
	return c.Around.announced() && (c.Around.Forwarding || !c.forwards())
}

// remark implements Resource.
func (c *Chain) remark(have Resource) string {
	around := have.(*Chain).Around
	remarks := around.remarks()
	if c.forwards() && !around.Forwarding {
		remarks = append(remarks, "nothing is forwarded: "+strings.ReplaceAll(familyNamed(c.Family).forwarding, "/", ".")+" is 0")
	}
	if c.unforwarded && around.ForwardPolicy == "DROP" {
		remarks = append(remarks, policyDrops(around.Docker)+", so only what a rule accepts is forwarded: see forward, or policies")
	}
	if by := around.dropped[c.Name]; by != "" && c.Table == filter {
		remarks = append(remarks, by)
	}
	if text := capturedText(around.captured[c.ID().Key]); text != "" {
		remarks = append(remarks, text)
	}
	for _, r := range c.leftOut(around) {
		remarks = append(remarks, "left out, because a rule in "+c.hook()+" itself does it: "+r.text())
	}
	return strings.Join(remarks, "; ")
}

// policyDrops says that the policy of FORWARD is DROP, and who sets it to that.
func policyDrops(docker bool) string {
	if docker {
		return "the policy of FORWARD is DROP, as Docker sets it"
	}
	return "the policy of FORWARD is DROP"
}

// forwards tells whether the chain is for packets that go through the namespace. A user's own rules are for any.
func (c *Chain) forwards() bool {
	return c.hook() != "OUTPUT" && slices.ContainsFunc(c.Rules, func(r Rule) bool {
		return r.Mark != "" && !strings.Contains(r.Mark, rulesKey+" ")
	})
}

func (c *Chain) table() string { return c.Table }

// hook is the built-in chain that the chain is for.
func (c *Chain) hook() string { return strings.TrimPrefix(c.Name, ownPrefix) }

// dockerUser is the chain that Docker leaves to others, and has all packets go through before its own rules drop some
// of them.
const dockerUser = "DOCKER-USER"

// places are the chains from which the chain may be reached.
func (c *Chain) places() []string {
	if c.Table == filter && c.hook() == "FORWARD" {
		return []string{dockerUser, "FORWARD"}
	}
	return []string{c.hook()}
}

// jump is the rule that leads to the chain.
func (c *Chain) jump() Rule { return newRule(c.NS+"/"+c.Family, "-j", c.Name) }

// isJump tells whether a rule that was found is a jump of linkd's to the chain.
func (c *Chain) isJump(found Rule) bool {
	return found.Mark != "" && slices.Equal(found.Args, []string{"-j", c.Name})
}

// wanted are the rules for a namespace in which a chain was found, without those that others have made already.
func (c *Chain) wanted(around surroundings) []Rule {
	rules := make([]Rule, 0, len(c.Rules))
	for _, r := range c.Rules {
		if !r.isMadeIn(around.Before) {
			rules = append(rules, r.beside(around.Subnets))
		}
	}
	return rules
}

// diff compares rules in their order, and shows what was taken out, put in, or put in the place of another.
func (c *Chain) diff(have *Chain) []reconcile.Field {
	var fields reconcile.Fields
	want := c.wanted(have.Around)
	kept := pair(want, have.Rules)
	spared := c.leftOut(have.Around)
	for _, gap := range gaps(kept, len(have.Rules)) {
		for i := range max(len(gap.want), len(gap.have)) {
			var now, then string
			number := 0
			if i < len(gap.have) {
				number, now = gap.have[i], have.Rules[gap.have[i]].text()
			}
			if i < len(gap.want) {
				number, then = gap.want[i], want[gap.want[i]].text()
			}
			if now == then {
				now, then = have.Rules[gap.have[i]].String(), want[gap.want[i]].String()
			}
			// Nobody has undone a rule that others have come to have, too.
			moved := then == "" && slices.ContainsFunc(spared, func(r Rule) bool { return r.is(have.Rules[gap.have[i]]) })
			fields = append(fields, reconcile.Field{Path: fmt.Sprintf("rule %d", number+1), Have: now, Want: then, Moved: moved, Part: true})
		}
	}
	if jumps, hooks := strings.Join(have.Jumps, ", "), strings.Join(have.Hooks, ", "); jumps != hooks {
		fields = append(fields, reconcile.Field{Path: "jump from", Have: jumps, Want: hooks, Moved: c.wasFrom(have.Jumps)})
	}
	return fields
}

// wasFrom tells whether the jumps would be right if Docker had made its chain, or the way to it, or not.
func (c *Chain) wasFrom(jumps []string) bool {
	places := c.places()
	for i := range places {
		if slices.Equal(jumps, places[i:]) || slices.Equal(jumps, places[:i+1]) {
			return len(places) > 1
		}
	}
	return false
}

// chains collects the rules that the parts of a config compile to.
type chains map[chainName]*Chain

type chainName struct{ table, hook string }

// add appends a rule to linkd's chain for a built-in one. The chain is declared where the first of its rules is.
func (cs chains) add(table, hook string, r Rule) {
	name := chainName{table, hook}
	chain := cs[name]
	if chain == nil {
		chain = &Chain{Table: table, Name: ownPrefix + hook, Source: r.Source}
		cs[name] = chain
	}
	if r.Source.Line < chain.Source.Line {
		chain.Source = r.Source
	}
	chain.Rules = append(chain.Rules, r)
}

// inFilter returns linkd's chains of the filter table.
func (cs chains) inFilter() (ids []spec.ID) {
	for _, hook := range hooks[filter] {
		if chain := cs[chainName{filter, hook}]; chain != nil {
			ids = append(ids, chain.ID())
		}
	}
	return ids
}

func (cs chains) declare(c *spec.Context, f family) {
	tables := map[string][]*Chain{}
	for _, chain := range cs {
		chain.NS, chain.Family = c.NS, f.name
		tables[chain.Table] = append(tables[chain.Table], chain)
	}
	for _, siblings := range tables {
		slices.SortFunc(siblings, func(a, b *Chain) int { return strings.Compare(a.Name, b.Name) })
		for _, chain := range siblings {
			chain.siblings = siblings
			c.Add(chain)
		}
	}
}
