package rule

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/route"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the policy rules.
var Kind = reconcile.Register[*Rule](kindName, kind{}, reconcile.Capabilities[*Rule]{
	Topics:    []observe.Topic{observe.RuleTopic},
	Ownership: reconcile.Ownership[*Rule]{Separate: true},
	Show:      kind{}.Show,
})

type kind struct{}

func (k kind) Observe(_ context.Context, ns *observe.NS, query reconcile.Query[*Rule]) ([]*Rule, error) {
	found, err := list(ns, unix.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	nameSiblings(found)
	findVague(found)
	if query.Purpose == reconcile.ToCompare && len(query.Wanted) == 0 {
		// Every namespace has five of the kernel's own.
		found = slices.DeleteFunc(found, func(r *Rule) bool { return !k.Owned(r) })
	}
	return found, nil
}

// nameSiblings gives each of several rules of one priority that ask for the same an ID of its own. The one meant is
// linkd's, and of several of these the last: there are several only where linkd was killed between the making of a new
// one and the end of the old one.
func nameSiblings(found []*Rule) {
	meant := make(map[string]*Rule, len(found))
	for _, r := range found {
		key := r.ID().Key
		before := meant[key]
		if before == nil {
			meant[key] = r
			continue
		}
		if (kind{}).Owned(r) {
			meant[key], r = r, before
		}
		r.Sibling = fmt.Sprintf(" %s proto %s", r.does(), r.Proto)
	}
}

// findVague notes for which of linkd's rules the kernel would take another as well.
func findVague(found []*Rule) {
	shapes, count := map[shape]bool{}, map[Rule]int{}
	for _, r := range found {
		shapes[r.shape()] = true
	}
	// Of the many shapes that are possible, few are in use.
	for _, r := range found {
		said := map[Rule]bool{}
		for s := range shapes {
			said[r.as(s)] = true
		}
		for s := range said {
			count[s]++
		}
	}
	for _, r := range found {
		r.Vague = r.Proto == address.Mark && count[r.as(r.shape())] > 1
	}
}

// shape is what a rule asks for.
type shape struct{ from, to, iif, oif, value, mask bool }

func (r *Rule) shape() shape {
	return shape{r.From.IsValid(), r.To.IsValid(), r.IIF != "", r.OIF != "", r.Mark.Value != 0, r.Mark.Mask != 0}
}

// as is what one has to say to the kernel of a rule of that shape. When the kernel looks for a rule, what is not said may
// be anything (rule_find in net/core/fib_rules.c, fib4_rule_compare in net/ipv4/fib_rules.c, fib6_rule_compare).
func (r *Rule) as(s shape) Rule {
	said := Rule{Inet6: r.Inet6, Priority: r.Priority, Action: r.Action, Table: r.Table, Proto: r.Proto}
	if s.from {
		said.From = r.From
	}
	if s.to {
		said.To = r.To
	}
	if s.iif {
		said.IIF = r.IIF
	}
	if s.oif {
		said.OIF = r.OIF
	}
	if s.value {
		said.Mark.Value = r.Mark.Value
	}
	if s.mask {
		said.Mark.Mask = r.Mark.Mask
	}
	return said
}

// takes reports whether the kernel takes other for r.
func (r *Rule) takes(other *Rule) bool { return other.as(r.shape()) == r.as(r.shape()) }

// is reports whether other is r in all that the kernel knows of it.
func (r *Rule) is(other *Rule) bool {
	a, b := *r, *other
	for _, side := range []*Rule{&a, &b} {
		side.NS, side.Sibling, side.Vague, side.Source = "", "", false, spec.Source{}
	}
	return a == b
}

// Owned implements reconcile.Kind. linkd makes no rule that it has no words for.
func (kind) Owned(have *Rule) bool { return have.Proto == address.Mark && have.Extra == "" }

func (k kind) Diff(want, have *Rule) []reconcile.Field {
	var fs reconcile.Fields
	reconcile.Compare(&fs, "action", &want.Action, have.Action)
	if want.Table != have.Table {
		fs.Differ("table", tableText(have), tableText(want))
	}
	if len(fs) > 0 && !k.Owned(have) {
		fs.DifferMark("proto", have.Proto.String(), route.Protocol(address.Mark).String())
	}
	return fs
}

func tableText(r *Rule) string {
	if r.Table == 0 {
		return ""
	}
	return fmt.Sprint(r.Table)
}

// Create implements reconcile.Kind. The kernel finds that a rule exists where one does that it takes for it, and that may
// be another of linkd's: then it is told not to look.
func (k kind) Create(_ context.Context, ns *observe.NS, want *Rule) (err error) {
	if want.Inet6 {
		defer func() { err = ns.ExplainIPv6("", err) }()
	}
	made := *want
	made.Proto = address.Mark
	err = ns.Change(newRule(&made, unix.NLM_F_CREATE|unix.NLM_F_EXCL))
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	found, lookErr := list(ns, made.kernelFamily())
	if lookErr != nil {
		return lookErr
	}
	for _, have := range found {
		other := *have
		other.Proto = made.Proto
		switch {
		case made.is(have):
			return nil
		case made.is(&other):
			return fmt.Errorf("%w: it is of the protocol %s", err, have.Proto)
		}
	}
	return ns.Change(newRule(&made, unix.NLM_F_CREATE))
}

// Update implements reconcile.Kind. The kernel changes no rule, so the new one is made before the old one goes, and there
// is one at any time.
func (k kind) Update(ctx context.Context, ns *observe.NS, want, have *Rule) error {
	if err := k.Create(ctx, ns, want); err != nil {
		return err
	}
	return k.Delete(ctx, ns, have)
}

// Delete implements reconcile.Kind. The kernel deletes the first rule that it takes for the one meant. Where others of
// linkd's stand before that, their like is put behind it: then as many go as stood before it, and the one meant.
func (kind) Delete(_ context.Context, ns *observe.NS, have *Rule) error {
	var before []*Rule
	if have.Vague {
		found, err := list(ns, have.kernelFamily())
		if err != nil {
			return err
		}
		at := slices.IndexFunc(found, have.is)
		if at < 0 {
			return nil
		}
		for _, r := range found[:at] {
			if have.takes(r) {
				before = append(before, r)
			}
		}
	}
	for _, r := range before {
		if r.Extra != "" {
			return fmt.Errorf("the kernel would delete another rule instead: %s", r.ID().Key)
		}
		if err := ns.Change(newRule(r, unix.NLM_F_CREATE)); err != nil {
			return err
		}
	}
	for range len(before) + 1 {
		if err := ns.Change(delRule(have)); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}
