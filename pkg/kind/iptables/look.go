package iptables

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// backends says in which backends there are rules.
type backends struct {
	// Legacy: linkd's rules are in the backend that announces no changes.
	Legacy bool
	// Other is the name of the other backend, if it has rules, too.
	Other string
}

// announced reports whether the kernel announces changes. While there are rules in the other backend, linkd checks for their end.
func (b backends) announced() bool { return !b.Legacy && b.Other == "" }

// remarks returns the remarks on every resource.
func (b backends) remarks() (remarks []string) {
	if b.Other != "" {
		remarks = append(remarks, "there are rules in the "+b.Other+" backend of iptables too, which is not the one in use here: what they drop, no rule here can let through")
	}
	return remarks
}

// surroundings has what the desired rules of a namespace depend on, and what may keep them from working.
type surroundings struct {
	backends
	// dropped says what other programs drop with nf_tables of the packets that linkd's chains accept, by the names of these chains
	// in the table filter; nil if linkd did not check.
	dropped map[string]string
	// captured has the packets for published ports that other programs translate, by the keys of linkd's chains.
	captured map[string][]Captured
	// Docker: Docker has chains in the table filter.
	Docker bool
	// Forwarding: the namespace forwards packets.
	Forwarding bool
	// ForwardPolicy is the policy of FORWARD.
	ForwardPolicy string
	// Subnets has the subnets of the namespace's addresses.
	Subnets []netip.Prefix
	// Before has the foreign rules in the built-in chain that precede linkd's jump.
	Before []Rule
}

// view is the result of reading the rules of a namespace once.
type view struct {
	tables map[string]*table
	around surroundings
	// others has the tables of the other backend.
	others map[string]*table
}

// look reads all tables of the backend, and their surroundings. It runs at most one program, unless the other backend has tables,
// too.
func (b *backend) look(ctx context.Context, subnets []netip.Prefix) (v *view, err error) {
	v = &view{around: surroundings{backends: backends{Legacy: b.legacy}, Forwarding: b.forwards, Subnets: subnets}}
	if v.tables, err = b.tables(ctx); err != nil {
		return nil, err
	}
	v.around.Docker = v.table(filter).hasDocker()
	v.around.ForwardPolicy = v.table(filter).policy("FORWARD")
	if o := b.other(); o != nil {
		if v.others, err = o.tables(ctx); err != nil {
			return nil, fmt.Errorf("look at the other backend: %w", err)
		}
		for _, t := range v.others {
			if t.isUsed() {
				v.around.Other = o.String()
			}
		}
	}
	return v, nil
}

// table returns an observed table; an empty one if it does not exist.
func (v *view) table(name string) *table {
	if t := v.tables[name]; t != nil {
		return t
	}
	return newTable(name)
}

// subnets returns the subnets of the namespace's addresses, if one of the desired rules depends on them.
func (f family) subnets(ns *observe.NS, wanted []*Chain) ([]netip.Prefix, error) {
	for _, c := range wanted {
		if slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.near.IsValid() }) {
			return address.Subnets(ns, f.inet)
		}
	}
	return nil, nil
}
