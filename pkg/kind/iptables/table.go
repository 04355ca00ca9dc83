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

// table is a table as iptables-save prints it.
type table struct {
	name string
	// policies are those of the built-in chains.
	policies map[string]string
	// chains are the rules of all chains.
	chains map[string][]Rule
	// foreignRules is how many rules linkd did not make, and dropped how many of these are not kept.
	foreignRules, dropped int
	// unreadable tells why nothing is known of it.
	unreadable error
}

// formatError says that a program did not print what iptables-save does.
type formatError string

func (e formatError) Error() string { return string(e) }

// errEndless is a table of which the end is missing: nobody knows what else would have been printed.
const errEndless = formatError("its end was not printed")

// readTables reads what iptables-save --counters prints. The error is a formatError, or that of the reader.
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

// mostForeign is how many rules of others linkd keeps of a table, to say what becomes of packets. Whoever is root in a
// namespace can make any number. Of more than these, it keeps those that lead to a chain of its own, or to Docker's for
// others.
const mostForeign = 10_000

// keeps tells whether a rule is kept.
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

// incompatible is the table of which iptables-nft-save says so in a comment, and ends well (nft_is_table_compatible in
// iptables/nft.c).
func incompatible(comment string) (name string, is bool) {
	if name, is = strings.CutPrefix(comment, "# Table `"); is {
		name, _, is = strings.Cut(name, "' is incompatible")
	}
	return name, is
}

// isUsed tells whether a table that is there does anything.
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

// policy is that of a built-in chain. Where the table is not there yet, it is made with this one
// (net/ipv4/netfilter/iptable_filter.c: the parameter forward is on unless somebody set it).
func (t *table) policy(chain string) string {
	if p := t.policies[chain]; p != "" {
		return p
	}
	return "ACCEPT"
}

// hasDocker tells whether Docker has chains in a table.
func (t *table) hasDocker() bool {
	for name := range t.chains {
		if name == "DOCKER" || strings.HasPrefix(name, "DOCKER-") {
			return true
		}
	}
	return false
}

// resources are what of the table is of linkd's business.
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

// chain is a chain of linkd's own as it was found.
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

// jumps are the numbers, counted from 0, of the rules of a chain that are linkd's jumps to c.
func (t *table) jumps(c *Chain, place string) (at []int) {
	for i, r := range t.chains[place] {
		if c.isJump(r) {
			at = append(at, i)
		}
	}
	return at
}

// isHidden tells whether no packet gets to a rule of DOCKER-USER: Docker ends that with a RETURN, and makes it anew.
func (t *table) isHidden(place string, at int) bool {
	return place == dockerUser && slices.ContainsFunc(t.chains[place][:at], func(r Rule) bool {
		return slices.Equal(r.Args, []string{"-j", "RETURN"})
	})
}

// hooks are the chains that the jump to c has to be in: Docker's, where that is there, and the built-in one, unless
// that leads to Docker's anyway.
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
