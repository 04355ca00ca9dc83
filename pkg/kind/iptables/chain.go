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

// Chain is a chain of linkd's own with all that is in it, and the jump that leads there.
type Chain struct {
	NS, Family, Table, Name string
	Rules                   []Rule
	// Jumps is how many jumps of linkd's lead here, of a chain that was found.
	Jumps  int
	Source spec.Source
}

// ID implements spec.Resource.
func (c *Chain) ID() spec.ID { return spec.ID{NS: c.NS, Kind: c.Family, Key: c.Table + "/" + c.Name} }

// Needs implements spec.Resource. A rule may name a device that is not there.
func (c *Chain) Needs() []spec.ID { return nil }

// Origin implements spec.Resource.
func (c *Chain) Origin() spec.Source { return c.Source }

func (c *Chain) table() string { return c.Table }

// hook is the built-in chain from which the chain is reached, and jump the rule there.
func (c *Chain) hook() string { return strings.TrimPrefix(c.Name, ownPrefix) }
func (c *Chain) jump() Rule   { return newRule(nil, "-j", c.Name) }

// diff compares rules in their order, each with its mark: the mark says which rule of linkd's it is, and the arguments
// are compared as well because they are the ones that iptables prints for them.
func (c *Chain) diff(have *Chain) []reconcile.Field {
	var fields reconcile.Fields
	for i := range max(len(c.Rules), len(have.Rules)) {
		want, found := ruleAt(c.Rules, i), ruleAt(have.Rules, i)
		if !slices.Equal(want, found) {
			fields.Differ(fmt.Sprintf("rule %d", i+1), found.String(), want.String())
		}
	}
	switch have.Jumps {
	case 0:
		fields.Differ("jump", "absent", "present")
	case 1:
	case 2:
		fields.Differ("jump", "twice", "present")
	default:
		fields.Differ("jump", fmt.Sprintf("%d times", have.Jumps), "present")
	}
	return fields
}

func ruleAt(rules []Rule, i int) Rule {
	if i < len(rules) {
		return rules[i]
	}
	return nil
}

// chains collects the rules that the parts of a config compile to.
type chains map[chainName]*Chain

type chainName struct{ table, hook string }

// add appends a rule to linkd's chain for a built-in one. The chain is declared where its first rule is.
func (cs chains) add(src spec.Source, table, hook string, r Rule) {
	name := chainName{table, hook}
	if cs[name] == nil {
		cs[name] = &Chain{Table: table, Name: ownPrefix + hook, Source: src}
	}
	cs[name].Rules = append(cs[name].Rules, r)
}

func (cs chains) declare(c *spec.Context, f family) {
	for _, chain := range cs {
		chain.NS, chain.Family = c.NS, f.name
		c.Add(chain)
	}
}
