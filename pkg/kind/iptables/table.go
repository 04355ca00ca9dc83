package iptables

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// table is a table in the output of iptables-save.
type table struct {
	name string
	// policies has the policies of the built-in chains.
	policies map[string]string
	// chains has the rules of all chains.
	chains map[string][]Rule
	// foreignRules is the number of foreign rules, and dropped how many of these linkd does not keep.
	foreignRules, dropped int
	// unreadable is the reason why linkd could not read it.
	unreadable error
}

// formatError reports output that is not iptables-save's.
type formatError string

func (e formatError) Error() string { return string(e) }

// errEndless reports a table without an end: linkd does not know what is missing.
const errEndless = formatError("its end was not printed")

// readTables parses the output of iptables-save --counters. The error is a formatError, or the reader's.
func readTables(from io.Reader) (map[string]*table, error) {
	tables := map[string]*table{}
	var t *table
	split := &splitter{from: bufio.NewReaderSize(from, 64<<10), comment: func(text string) {
		if name, is := incompatible(text); is {
			tables[name] = newTable(name)
			tables[name].unreadable = fmt.Errorf("the table %s holds rules of nft that iptables cannot read", name)
		}
	}}
	for {
		line, err := split.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch first := line[0]; {
		case strings.HasPrefix(first, "*") && t != nil:
			return nil, errEndless
		case strings.HasPrefix(first, "*"):
			t = newTable(first[1:])
			tables[t.name] = t
		case t == nil:
		case first == "COMMIT":
			t = nil
		case strings.HasPrefix(first, ":") && len(line) > 1:
			chain := first[1:]
			t.chains[chain] = nil
			if line[1] != "-" {
				t.policies[chain] = line[1]
			}
		case strings.HasPrefix(first, "[") && len(line) > 2 && line[1] == "-A":
			if t.keeps(line[2], line[3:]) {
				t.chains[line[2]] = append(t.chains[line[2]], foundRule(first, line[3:]))
			}
		}
	}
	if t != nil {
		return nil, errEndless
	}
	return tables, nil
}

// mostForeign is how many foreign rules of a table linkd keeps, to tell what happens to packets. Root in a namespace can create any
// number. Of further ones, linkd keeps those that jump to its own chains, or to DOCKER-USER.
const mostForeign = 10_000

// keeps reports whether linkd keeps a rule.
func (t *table) keeps(chain string, args []string) bool {
	if isOwn(chain) {
		return true
	}
	if t.foreignRules++; t.foreignRules <= mostForeign {
		return true
	}
	if slices.ContainsFunc(args, func(arg string) bool { return arg == dockerUser || strings.HasPrefix(arg, ownPrefix) }) {
		return true
	}
	t.dropped++
	return false
}

func newTable(name string) *table {
	return &table{name: name, policies: map[string]string{}, chains: map[string][]Rule{}}
}

// incompatible returns the table for which iptables-nft-save prints in a comment that it is incompatible, and then exits
// successfully (nft_is_table_compatible in iptables/nft.c).
func incompatible(comment string) (name string, is bool) {
	if name, is = strings.CutPrefix(comment, "# Table `"); is {
		name, _, is = strings.Cut(name, "' is incompatible")
	}
	return name, is
}

// isUsed reports whether an existing table has any effect.
func (t *table) isUsed() bool {
	if t.unreadable != nil {
		return true
	}
	for chain, rules := range t.chains {
		if _, builtIn := t.policies[chain]; !builtIn || len(rules) > 0 || t.policies[chain] != "ACCEPT" {
			return true
		}
	}
	return false
}

// policy returns the policy of a built-in chain. If the table does not exist yet, the kernel creates it with this one
// (net/ipv4/netfilter/iptable_filter.c: the parameter forward is on by default).
func (t *table) policy(chain string) string {
	if p := t.policies[chain]; p != "" {
		return p
	}
	return "ACCEPT"
}

// hasDocker reports whether Docker has chains in a table.
func (t *table) hasDocker() bool {
	for name := range t.chains {
		if name == "DOCKER" || strings.HasPrefix(name, "DOCKER-") {
			return true
		}
	}
	return false
}

// resources returns the resources in the table that linkd manages.
func (t *table) resources(ns string, f family, around surroundings) (found []Resource) {
	if t.name == filter {
		for _, chain := range hooks[filter] {
			found = append(found, &Policy{NS: ns, Family: f.name, Chain: chain, Target: t.policy(chain), In: around.backends})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.chains)) {
		if isOwn(name) {
			found = append(found, t.chain(ns, f, name, around))
		}
	}
	return found
}

// chain returns an observed chain of linkd's.
func (t *table) chain(ns string, f family, name string, around surroundings) *Chain {
	c := &Chain{NS: ns, Family: f.name, Table: t.name, Name: name, Rules: t.chains[name], Around: around}
	c.Around.Before = t.before(c)
	c.Hooks = t.hooks(c)
	for _, place := range c.places() {
		for _, at := range t.jumps(c, place) {
			if t.isHidden(place, at) {
				place += " behind its RETURN"
			}
			c.Jumps = append(c.Jumps, place)
		}
	}
	return c
}

// jumps returns the positions, counted from 0, of linkd's jumps to c in a chain.
func (t *table) jumps(c *Chain, place string) (at []int) {
	for i, r := range t.chains[place] {
		if c.isJump(r) {
			at = append(at, i)
		}
	}
	return at
}

// isHidden reports whether no packet reaches a rule of DOCKER-USER: Docker ends that chain with a RETURN, and adds that again.
func (t *table) isHidden(place string, at int) bool {
	return place == dockerUser && slices.ContainsFunc(t.chains[place][:at], func(r Rule) bool {
		return slices.Equal(r.Args, []string{"-j", "RETURN"})
	})
}

// hooks returns the chains that must jump to c: Docker's if it exists, and the built-in one unless that leads to Docker's first.
func (t *table) hooks(c *Chain) (in []string) {
	for _, place := range c.places() {
		if _, there := t.chains[place]; place == dockerUser && !there {
			continue
		}
		if place == "FORWARD" && slices.Contains(in, dockerUser) && slices.ContainsFunc(t.chains[place], func(r Rule) bool {
			return slices.Equal(r.Args, []string{"-j", dockerUser})
		}) {
			continue
		}
		in = append(in, place)
	}
	return in
}
