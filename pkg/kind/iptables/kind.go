package iptables

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"os/exec"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Resource is a *Policy, a *Chain or, in a survey, the foreign rules of a table.
type Resource interface {
	spec.Resource
	table() string
	// announced reports whether the kernel announces changes of the observed resource.
	announced() bool
	// remark returns a remark on the resource, given its observed state.
	remark(have Resource) string
}

type kind struct{ family }

// Observe returns nothing if nothing is desired, because reading rules runs a program, unless the query is a search.
func (k kind) Observe(ctx context.Context, ns *observe.NS, query reconcile.Query[Resource]) ([]Resource, error) {
	switch query.Purpose {
	case reconcile.ToShow:
		return k.survey(ctx, ns)
	case reconcile.ToSearch:
		return k.search(ctx, ns)
	}
	return k.observeWanted(ctx, ns, query.Wanted)
}

// search returns linkd's chains if the journal has none. It runs a program only if there may be some.
func (k kind) search(ctx context.Context, ns *observe.NS) (found []Resource, err error) {
	var v *view
	err = k.in(ctx, ns, func(b *backend) error {
		stamp := k.stampBefore()
		some, err := b.mayHaveOwn()
		if err == nil && some {
			v, err = b.look(ctx, nil)
		}
		if err == nil {
			legacyLooks.note(ns.Name, k.family, stamp, false)
		}
		return err
	})
	if errors.Is(err, exec.ErrNotFound) {
		return nil, nil
	}
	if err != nil || v == nil {
		return nil, err
	}
	for _, t := range v.tables {
		for _, r := range t.resources(ns.Name, k.family, v.around) {
			if k.Owned(r) {
				found = append(found, r)
			}
		}
	}
	shareRemovals(found, nil)
	return found, nil
}

// observeWanted returns all of linkd's chains, and the policies. It fails for an unreadable table if something in it is desired.
func (k kind) observeWanted(ctx context.Context, ns *observe.NS, wanted []Resource) (found []Resource, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	var chains []*Chain
	for _, w := range wanted {
		if c, is := w.(*Chain); is {
			chains = append(chains, c)
		}
	}
	subnets, err := k.subnets(ns, chains)
	if err != nil {
		return nil, err
	}
	var v *view
	err = k.in(ctx, ns, func(b *backend) error {
		stamp := k.stampBefore()
		if v, err = b.look(ctx, subnets); err != nil {
			return err
		}
		if err = k.lookAtOthers(ns, v, chains); err == nil {
			legacyLooks.note(ns.Name, k.family, stamp, v.around.Legacy || v.around.Other != "")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, w := range wanted {
		if t := v.table(w.table()); t.unreadable != nil {
			return nil, t.unreadable
		}
	}
	for name := range hooks {
		found = append(found, v.table(name).resources(ns.Name, k.family, v.around)...)
	}
	shareRemovals(found, wanted)
	return found, nil
}

func (k kind) look(ctx context.Context, ns *observe.NS, subnets []netip.Prefix) (v *view, err error) {
	err = k.in(ctx, ns, func(b *backend) error {
		v, err = b.look(ctx, subnets)
		return err
	})
	return v, err
}

// in calls f inside a namespace, with the programs of the family.
func (k kind) in(ctx context.Context, ns *observe.NS, f func(b *backend) error) error {
	forwards, err := ns.Forwards(uint8(k.inet))
	if err != nil {
		return err
	}
	return ns.Do(func() error {
		b, err := k.backend(ctx, ns.Identity)
		if err != nil {
			return err
		}
		b.forwards = forwards
		return f(b)
	})
}

// FromID returns the policy or the chain with an ID, without its content.
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

// Owned reports whether a chain is linkd's, by its name. A policy is the kernel's.
func (kind) Owned(have Resource) bool {
	c, is := have.(*Chain)
	return is && isOwn(c.Name)
}

// Diff compares two policies or two chains.
func (kind) Diff(want, have Resource) []reconcile.Field {
	if c, is := want.(*Chain); is {
		return c.diff(have.(*Chain))
	}
	var fields reconcile.Fields
	reconcile.Compare(&fields, "policy", &want.(*Policy).Target, have.(*Policy).Target)
	return fields
}

// Before returns the observed policy. A chain has no earlier state.
func (kind) Before(_, have Resource) (string, bool) {
	p, is := have.(*Policy)
	if !is {
		return "", false
	}
	return p.Target, true
}

// Prior returns the policy as it was before linkd set it.
func (kind) Prior(have Resource, before string) Resource {
	p := *have.(*Policy)
	p.Target = before
	return &p
}

// Create sets the policy, or creates the chain.
func (k kind) Create(ctx context.Context, ns *observe.NS, want Resource) error {
	return k.Update(ctx, ns, want, nil)
}

// Update writes a chain together with all other desired chains of its table, in one step: one chain accepts what another
// translates. After the first of their ops, nothing remains to do for the others. Update reads the rules again, so that they keep
// their present counters, and so that a jump that another program added or removed in between is neither added twice nor missed.
func (k kind) Update(ctx context.Context, ns *observe.NS, want, _ Resource) error {
	if policy, is := want.(*Policy); is {
		return k.in(ctx, ns, func(b *backend) error { return b.setPolicy(ctx, ns, policy) })
	}
	chain := want.(*Chain)
	subnets, err := k.subnets(ns, chain.siblings)
	if err != nil {
		return err
	}
	return k.in(ctx, ns, func(b *backend) error {
		v, err := b.look(ctx, subnets)
		if err != nil {
			return err
		}
		t := v.table(chain.Table)
		if t.name != nat {
			return b.restore(ctx, newScript(t, k.family, chain.siblings, v.around))
		}
		if err := b.settlePast(ctx, k, ns, t); err != nil {
			return err
		}
		before := t.reached()
		after := maps.Clone(before)
		for _, want := range chain.siblings {
			after[want.hook()] = want.wanted(t.chain(want.NS, k.family, want.Name, v.around).Around)
		}
		return b.retarget(ctx, k, ns, newScript(t, k.family, chain.siblings, v.around), before, after)
	})
}

// Delete restores a policy, or deletes a chain. If a foreign rule jumps to the chain, Delete leaves that rule and the chain, but
// empties the chain. See removal.
func (k kind) Delete(ctx context.Context, ns *observe.NS, have Resource) error {
	chain, is := have.(*Chain)
	if !is {
		return nil
	}
	r := chain.removal
	if r == nil {
		r = &removal{chains: []*Chain{chain}}
	}
	return r.delete(ctx, k, ns, chain)
}
