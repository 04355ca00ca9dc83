package iptables

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

// backends tells which of the two backends rules are in.
type backends struct {
	// Legacy: in the one whose changes nobody announces.
	Legacy bool
	// Other is the other one, where that holds rules as well.
	Other string
}

// announced tells whether changes are: while there are rules in the other backend, it is looked for their end.
func (b backends) announced() bool { return !b.Legacy && b.Other == "" }

// remarks are what is to be said of every resource.
func (b backends) remarks() (remarks []string) {
	if b.Other != "" {
		remarks = append(remarks, "there are rules in the "+b.Other+" backend of iptables too, which is not the one in use here: what they drop, no rule here can let through")
	}
	return remarks
}

// surroundings are what the rules of a namespace depend on, and what may keep them from working.
type surroundings struct {
	backends
	// dropped is what others drop with nf_tables of the packets that linkd's chains accept, by the names of these chains of the
	// table filter; nil where nobody looked.
	dropped map[string]string
	// captured is what others translate of the packets for ports that linkd's chains publish, by the keys of these chains.
	captured map[string][]Captured
	// Docker: there are chains of Docker's in the table filter.
	Docker bool
	// Forwarding: the namespace forwards packets at all.
	Forwarding bool
	// ForwardPolicy is that of FORWARD.
	ForwardPolicy string
	// Subnets are those of the namespace's own addresses.
	Subnets []netip.Prefix
	// Before are others' rules that a packet meets in the built-in chain before it comes to linkd's.
	Before []Rule
}

// view is what one look at a namespace found.
type view struct {
	tables map[string]*table
	around surroundings
	// others are the tables of the other backend.
	others map[string]*table
}

// look reads all tables of the backend, and what is around them. It runs one program, if any, unless the other backend
// is there too.
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

// table is a table as it was found, which may be not at all.
func (v *view) table(name string) *table {
	if t := v.tables[name]; t != nil {
		return t
	}
	return newTable(name)
}

// subnets are those of the namespace's own addresses, where one of the wanted rules depends on them.
func (f family) subnets(ns *observe.NS, wanted []*Chain) ([]netip.Prefix, error) {
	for _, c := range wanted {
		if slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.near.IsValid() }) {
			return address.Subnets(ns, f.inet)
		}
	}
	return nil, nil
}
