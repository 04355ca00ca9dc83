package iptables

import (
	"fmt"
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
	chains map[string][]entry
}

// entry is a rule and its counters, in the form [PACKETS:BYTES].
type entry struct {
	counters string
	rule     Rule
}

// parseTable reads one table from what iptables-save --counters prints. No output is a table without anything.
func parseTable(name, text string) (*table, error) {
	// iptables-nft-save says so in a comment, and ends well (nft_is_table_compatible in iptables/nft.c).
	if strings.Contains("\n"+text, "\n# Table `"+name+"' is incompatible") {
		return nil, fmt.Errorf("the table %s holds rules of nft that iptables cannot read", name)
	}
	lines, err := words(text)
	if err != nil {
		return nil, fmt.Errorf("the table %s cannot be read: %w", name, err)
	}
	t := &table{name: name, policies: map[string]string{}, chains: map[string][]entry{}}
	in := false
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line[0], "*"):
			in = line[0] == "*"+name
		case !in:
		case strings.HasPrefix(line[0], ":") && len(line) > 1:
			chain := line[0][1:]
			t.chains[chain] = nil
			if line[1] != "-" {
				t.policies[chain] = line[1]
			}
		case strings.HasPrefix(line[0], "[") && len(line) > 2 && line[1] == "-A":
			t.chains[line[2]] = append(t.chains[line[2]], entry{line[0], printed(line[3:])})
		}
	}
	return t, nil
}

// resources are what of the table is of linkd's business.
func (t *table) resources(ns string, f family) (found []Resource) {
	if t.name == filter {
		for _, chain := range []string{"INPUT", "FORWARD", "OUTPUT"} {
			p := &Policy{NS: ns, Family: f.name, Chain: chain, Target: t.policies[chain]}
			if p.Target == "" {
				// The table is not there yet, and is made with this policy (net/ipv4/netfilter/iptable_filter.c: the
				// parameter forward is on unless somebody set it).
				p.Target = "ACCEPT"
			}
			found = append(found, p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.chains)) {
		if strings.HasPrefix(name, ownPrefix) {
			found = append(found, t.chain(ns, f, name))
		}
	}
	return found
}

// chain is a chain of linkd's own as it was found.
func (t *table) chain(ns string, f family, name string) *Chain {
	c := &Chain{NS: ns, Family: f.name, Table: t.name, Name: name}
	for _, e := range t.chains[name] {
		c.Rules = append(c.Rules, e.rule)
	}
	for _, e := range t.chains[c.hook()] {
		if slices.Equal(e.rule, c.jump()) {
			c.Jumps++
		}
	}
	return c
}

// script is the input for iptables-restore that makes the table hold the chain as wanted and one jump there, and
// leaves all else. To name a chain is to make it, or to empty it (iptables-restore(8), --noflush). A rule that stays
// keeps its counters.
func (t *table) script(want *Chain) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s\n:%s - [0:0]\n", t.name, want.Name)
	old := slices.Clone(t.chains[want.Name])
	for _, r := range want.Rules {
		counters := "[0:0]"
		if i := slices.IndexFunc(old, func(e entry) bool { return slices.Equal(e.rule, r) }); i >= 0 {
			counters = old[i].counters
			old = slices.Delete(old, i, i+1)
		}
		fmt.Fprintf(&b, "%s -A %s %s\n", counters, want.Name, r)
	}
	have := t.chain(want.NS, family{}, want.Name)
	if have.Jumps == 0 {
		fmt.Fprintf(&b, "-A %s %s\n", want.hook(), want.jump())
	}
	for range have.Jumps - 1 {
		fmt.Fprintf(&b, "-D %s %s\n", want.hook(), want.jump())
	}
	b.WriteString("COMMIT\n")
	return b.String()
}
