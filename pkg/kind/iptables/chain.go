package iptables

import (
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// ownPrefix starts the names of linkd's chains.
const ownPrefix = "LINKD-"

// isOwn reports whether a chain has a name that linkd gives. Root in a namespace can use nf_tables to create chains with quotes,
// spaces and line feeds in their names, some of which would become options of the program that linkd runs as root to delete the
// chain.
func isOwn(name string) bool {
	return strings.HasPrefix(name, ownPrefix) && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// Chain is a chain of linkd's with all its rules, and the jump that leads to it.
type Chain struct {
	NS, Family, Table, Name string
	Rules                   []Rule
	Source                  spec.Source
	// siblings has all desired chains of the table, including this one: linkd writes them together.
	siblings []*Chain
	// unforwarded: the chain is for packets through the namespace, and the files do not turn forwarding on.
	unforwarded bool

	// The observed state: the chains that jump here, the chains that must jump here, and the surroundings.
	Jumps, Hooks []string
	Around       surroundings
	// removal is the removal of which the observed chain is a part; nil for a desired chain.
	removal *removal
}

func (c *Chain) ID() spec.ID { return spec.ID{NS: c.NS, Kind: c.Family, Key: c.Table + "/" + c.Name} }

// Needs returns nothing: a rule may name a device that does not exist.
func (c *Chain) Needs() []spec.ID { return nil }

func (c *Chain) Relations() spec.Relations { return spec.Relations{} }

func (c *Chain) Origin() spec.Source { return c.Source }

// announced reports whether the kernel announces changes. It does not announce that something no longer keeps packets from being
// forwarded, so linkd looks again while something does.
func (c *Chain) announced() bool {
	return c.Around.announced() && (c.Around.Forwarding || !c.forwards())
}

// remark returns what may keep the chain from working.
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

// policyDrops says that the policy of FORWARD is DROP, and which program sets that.
func policyDrops(docker bool) string {
	if docker {
		return "the policy of FORWARD is DROP, as Docker sets it"
	}
	return "the policy of FORWARD is DROP"
}

// forwards reports whether the chain is for packets through the namespace. Rules of the key rules may be for any packets.
func (c *Chain) forwards() bool {
	return c.hook() != "OUTPUT" && slices.ContainsFunc(c.Rules, func(r Rule) bool {
		return r.Mark != "" && !strings.Contains(r.Mark, rulesKey+" ")
	})
}

func (c *Chain) table() string { return c.Table }

// hook returns the built-in chain that the chain is for.
func (c *Chain) hook() string { return strings.TrimPrefix(c.Name, ownPrefix) }

// dockerUser is the chain that Docker reserves for other programs. Packets pass through it before Docker's rules drop some of them.
const dockerUser = "DOCKER-USER"

// places returns the chains from which the chain may be reached.
func (c *Chain) places() []string {
	if c.Table == filter && c.hook() == "FORWARD" {
		return []string{dockerUser, "FORWARD"}
	}
	return []string{c.hook()}
}

// jump returns the rule that leads to the chain.
func (c *Chain) jump() Rule { return newRule(c.NS+"/"+c.Family, "-j", c.Name) }

// isJump reports whether an observed rule is linkd's jump to the chain.
func (c *Chain) isJump(found Rule) bool {
	return found.Mark != "" && slices.Equal(found.Args, []string{"-j", c.Name})
}

// wanted returns the desired rules for a namespace in which a chain was observed, without those that other programs have, too.
func (c *Chain) wanted(around surroundings) []Rule {
	rules := make([]Rule, 0, len(c.Rules))
	for _, r := range c.Rules {
		if !r.isMadeIn(around.Before) {
			rules = append(rules, r.beside(around.Subnets))
		}
	}
	return rules
}

// diff compares rules in their order, and returns the removed, added and replaced ones.
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
			// The rule is not missing: linkd leaves it out because another program has the same rule now.
			moved := then == "" && slices.ContainsFunc(spared, func(r Rule) bool { return r.is(have.Rules[gap.have[i]]) })
			fields = append(fields, reconcile.Field{Path: fmt.Sprintf("rule %d", number+1), Have: now, Want: then, Moved: moved, Part: true})
		}
	}
	if jumps, hooks := strings.Join(have.Jumps, ", "), strings.Join(have.Hooks, ", "); jumps != hooks {
		fields = append(fields, reconcile.Field{Path: "jump from", Have: jumps, Want: hooks, Moved: c.wasFrom(have.Jumps)})
	}
	return fields
}

// wasFrom reports whether the jumps would be right before or after Docker creates its chain or the jump to that.
func (c *Chain) wasFrom(jumps []string) bool {
	places := c.places()
	for i := range places {
		if slices.Equal(jumps, places[i:]) || slices.Equal(jumps, places[:i+1]) {
			return len(places) > 1
		}
	}
	return false
}

// chains collects the rules into which the parts of a config compile.
type chains map[chainName]*Chain

type chainName struct{ table, hook string }

// add appends a rule to linkd's chain for a built-in one. The source of the chain is that of its first rule.
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
