package iptables

import (
	"context"
	"errors"
	"maps"
	"os/exec"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Resource is a *Policy or a *Chain.
type Resource interface {
	spec.Resource
	table() string
}

type kind struct{ family }

var (
	_ reconcile.Setting[Resource]   = kind{}
	_ reconcile.Selective[Resource] = kind{}
)

// Observe finds linkd's chains where nothing is known of any. Otherwise only those tables are looked at in which
// something is wanted, because each look runs a program: see ObserveWanted.
func (k kind) Observe(ctx context.Context, ns *observe.NS) (found []Resource, err error) {
	err = ns.Do(func() error {
		p, err := k.programs()
		if errors.Is(err, exec.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range []string{filter, "nat"} {
			t, err := p.list(ctx, name)
			if err != nil {
				return err
			}
			for _, r := range t.resources(ns.Name, k.family) {
				if k.Owned(r) {
					found = append(found, r)
				}
			}
		}
		return nil
	})
	return found, err
}

// ObserveWanted returns the policies and all of linkd's chains of the tables in which something is wanted.
func (k kind) ObserveWanted(ctx context.Context, ns *observe.NS, wanted []Resource) (found []Resource, err error) {
	tables := map[string]bool{}
	for _, w := range wanted {
		tables[w.table()] = true
	}
	if len(tables) == 0 {
		return nil, nil
	}
	err = ns.Do(func() error {
		p, err := k.programs()
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			t, err := p.list(ctx, name)
			if err != nil {
				return err
			}
			found = append(found, t.resources(ns.Name, k.family)...)
		}
		return nil
	})
	return found, err
}

// FromID is the policy or the chain that an ID stands for, without what is in it.
func (k kind) FromID(id spec.ID) (Resource, bool) {
	if id.Kind != k.name {
		return nil, false
	}
	if chain, is := strings.CutPrefix(id.Key, policyPrefix); is {
		return &Policy{NS: id.NS, Family: k.name, Chain: chain}, true
	}
	table, name, is := strings.Cut(id.Key, "/")
	if !is {
		return nil, false
	}
	return &Chain{NS: id.NS, Family: k.name, Table: table, Name: name}, true
}

// Owned implements reconcile.Kind: the name is the mark of a chain, and a policy is the kernel's own.
func (kind) Owned(have Resource) bool {
	c, is := have.(*Chain)
	return is && strings.HasPrefix(c.Name, ownPrefix)
}

// Diff implements reconcile.Kind.
func (kind) Diff(want, have Resource) []reconcile.Field {
	if c, is := want.(*Chain); is {
		return c.diff(have.(*Chain))
	}
	var fields reconcile.Fields
	reconcile.Compare(&fields, "policy", &want.(*Policy).Target, have.(*Policy).Target)
	return fields
}

// Before implements reconcile.Setting: a policy is set, and a chain is made.
func (kind) Before(_, have Resource) (string, bool) {
	p, is := have.(*Policy)
	if !is {
		return "", false
	}
	return p.Target, true
}

// Prior implements reconcile.Setting.
func (kind) Prior(have Resource, before string) Resource {
	p := *have.(*Policy)
	p.Target = before
	return &p
}

// Create implements reconcile.Kind.
func (k kind) Create(ctx context.Context, ns *observe.NS, want Resource) error {
	return k.Update(ctx, ns, want, nil)
}

// Update implements reconcile.Kind. It looks at a chain again, so that a jump that came or went since the look is not
// made twice or missed, and so that counters are of now.
func (k kind) Update(ctx context.Context, ns *observe.NS, want, _ Resource) error {
	return ns.Do(func() error {
		p, err := k.programs()
		if err != nil {
			return err
		}
		if policy, is := want.(*Policy); is {
			return p.ChangePolicy(filter, policy.Chain, policy.Target)
		}
		chain := want.(*Chain)
		t, err := p.list(ctx, chain.Table)
		if err != nil {
			return err
		}
		return p.restore(ctx, t.script(chain))
	})
}

// Delete implements reconcile.Kind. A policy is not deleted but put back.
func (k kind) Delete(_ context.Context, ns *observe.NS, have Resource) error {
	chain, is := have.(*Chain)
	if !is {
		return nil
	}
	return ns.Do(func() error {
		p, err := k.programs()
		if err != nil {
			return err
		}
		return p.deleteChain(chain)
	})
}
