package iptables

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Firewall has the observed rules of a namespace together with the desired ones, and answers what happens to packets there after
// linkd applied the files.
type Firewall struct {
	*view
	family family
	wanted []*Chain
	// filtered has the foreign rules in nftables; nil if linkd did not read them.
	filtered *nftFilter
}

// Look reads the rules of a namespace for one of the two kinds, by its name. It writes nothing, creates no table and loads no
// module. wanted has all desired resources. The error is exec.ErrNotFound if the programs are not installed.
func Look(ctx context.Context, ns *observe.NS, kindName string, wanted *spec.Set) (*Firewall, error) {
	s := &Firewall{family: familyNamed(kindName)}
	policy := ""
	for _, r := range wanted.In(ns.Name, kindName) {
		switch r := r.(type) {
		case *Chain:
			s.wanted = append(s.wanted, r)
		case *Policy:
			if r.Chain == "FORWARD" {
				policy = r.Target
			}
		}
	}
	subnets, err := s.family.subnets(ns, s.wanted)
	if err != nil {
		return nil, err
	}
	if s.view, err = (kind{s.family}).look(ctx, ns, subnets); err != nil {
		return nil, err
	}
	if err := ns.Do(func() error { return s.family.lookAtOthers(ns, s.view, s.wanted) }); err != nil {
		return nil, err
	}
	if policy != "" {
		s.around.ForwardPolicy = policy
	}
	return s, nil
}

// OtherBackend says that there are rules in the other backend; "" if there are none.
func (s *Firewall) OtherBackend() string { return strings.Join(s.around.remarks(), "; ") }

// Verdict returns what happens to a packet that comes in by one interface, begins a connection, and leaves by another or, with an
// interface for out, by that one. by is what drops it.
func (s *Firewall) Verdict(in, out string) (verdict Verdict, by string) {
	return s.withWanted().verdict(in, out)
}

// withWanted returns the table filter with the desired rules.
func (s *Firewall) withWanted() *table {
	found := s.table(filter)
	t := newTable(filter)
	for chain, rules := range found.chains {
		t.chains[chain] = slices.Clone(rules)
	}
	for chain, policy := range found.policies {
		t.policies[chain] = policy
	}
	t.policies["FORWARD"] = s.around.ForwardPolicy
	for _, c := range s.wanted {
		if !c.LetsThrough() {
			continue
		}
		have := found.chain(c.NS, s.family, c.Name, s.around)
		t.chains[c.Name] = c.wanted(have.Around)
		for _, place := range have.Hooks {
			t.chains[place] = slices.Insert(t.chains[place], 0, c.jump())
		}
	}
	return t
}

// UnreachableChains returns the existing chains of linkd's that packets do not reach, with the reason.
func (s *Firewall) UnreachableChains() map[*Chain]string {
	why := map[*Chain]string{}
	for _, c := range s.wanted {
		t := s.table(c.Table)
		if _, there := t.chains[c.Name]; !there {
			continue
		}
		have := t.chain(c.NS, s.family, c.Name, s.around)
		if !slices.Equal(have.Jumps, have.Hooks) {
			from := strings.Join(have.Jumps, ", ")
			if from == "" {
				from = "nowhere"
			}
			why[c] = fmt.Sprintf("%s is reached from %s, and not from %s", c.Name, from, strings.Join(have.Hooks, ", "))
			continue
		}
		for _, place := range append([]string{c.hook()}, have.Hooks...) {
			if r, hidden := t.decidedBefore(place, c); hidden {
				why[c] = fmt.Sprintf("no packet gets to %s, because a rule in front of it in %s is for all of them: %s", c.Name, place, r.text())
				break
			}
		}
	}
	return why
}

// decidedBefore returns a rule of a chain that decides about every packet before it reaches c, or the chain that leads to c.
func (t *table) decidedBefore(place string, c *Chain) (Rule, bool) {
	for _, r := range t.chains[place] {
		target := r.targets()
		if target == c.Name || target == dockerUser {
			break
		}
		if len(r.Args) == 2 && slices.Contains([]string{"ACCEPT", "DROP", "REJECT", "RETURN"}, target) {
			return r, true
		}
	}
	return Rule{}, false
}

// Considers reports whether the files say what is forwarded from or to an interface. Then dropping its other packets is intended.
func (s *Firewall) Considers(dev string) bool {
	for _, c := range s.wanted {
		if !c.LetsThrough() {
			continue
		}
		for _, r := range c.Rules {
			for i, arg := range r.Args[:len(r.Args)-1] {
				if (arg == "-i" || arg == "-o") && named(r.Args[i+1], dev) == yes && !(i > 0 && r.Args[i-1] == "!") {
					return true
				}
			}
		}
	}
	return false
}

// LetsThrough reports whether the chain accepts packets through the namespace, for forward and publish.
func (c *Chain) LetsThrough() bool { return c.Table == filter && c.hook() == "FORWARD" }

// dockerTable is the table with Docker's rules in its nftables backend, which has no DOCKER-USER.
const dockerTable = "docker-bridges"

// InNftables reports whether Docker has its rules in nftables.
func InNftables(ns *observe.NS, kindName string) (is bool, err error) {
	if observe.Unloaded("nf_tables") {
		return false, nil
	}
	err = ns.Do(func() error {
		tables, err := nftTables(familyNamed(kindName).inet)
		is = slices.Contains(tables, dockerTable)
		return err
	})
	return is, err
}

// Backend returns the backend that the programs of a kind use, nft or legacy, or why linkd cannot use them.
func Backend(kindName string) (string, error) {
	b, err := familyNamed(kindName).backend(context.Background(), "")
	if err != nil {
		return "", err
	}
	return b.String(), nil
}
