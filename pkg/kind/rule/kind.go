package rule

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/route"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kind is the kind of policy rules.
var Kind = reconcile.Register[*Rule](kindName, kind{}, reconcile.Capabilities[*Rule]{
	Topics:    []observe.Topic{observe.RuleTopic},
	Ownership: reconcile.Ownership[*Rule]{Separate: true},
	Show:      kind{}.Show,
	Contents:  contents,
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
		// Every namespace has five rules of the kernel.
		found = slices.DeleteFunc(found, func(r *Rule) bool { return !k.Owned(r) })
	}
	return found, nil
}

// nameSiblings gives rules with the same priority and conditions different IDs. The rule with the plain ID is linkd's. If there are
// several of linkd's, because linkd was killed after it created a new one and before it deleted the old one, it is the last.
func nameSiblings(found []*Rule) {
	plain := make(map[string]*Rule, len(found))
	for _, r := range found {
		key := r.ID().Key
		before := plain[key]
		if before == nil {
			plain[key] = r
			continue
		}
		if (kind{}).Owned(r) {
			plain[key], r = r, before
		}
		r.Sibling = fmt.Sprintf(" %s proto %s", r.actionText(), r.Proto)
	}
}

// findVague sets Vague of linkd's rules for which a request to delete them would match another rule as well.
func findVague(found []*Rule) {
	shapes, count := map[shape]bool{}, map[Rule]int{}
	for _, r := range found {
		shapes[r.shape()] = true
	}
	// Many shapes are possible, but few are in use.
	for _, r := range found {
		requests := map[Rule]bool{}
		for s := range shapes {
			requests[r.as(s)] = true
		}
		for request := range requests {
			count[request]++
		}
	}
	for _, r := range found {
		r.Vague = r.Proto == address.Mark && count[r.as(r.shape())] > 1
	}
}

// condition is a condition that a request can leave out.
type condition struct {
	has  func(r *Rule) bool
	drop func(r *Rule)
}

// on returns the condition in a field. A rule without it has the zero value.
func on[T comparable](field func(r *Rule) *T) condition {
	var none T
	return condition{
		has:  func(r *Rule) bool { return *field(r) != none },
		drop: func(r *Rule) { *field(r) = none },
	}
}

var conditions = []condition{
	on(func(r *Rule) *netip.Prefix { return &r.From }),
	on(func(r *Rule) *netip.Prefix { return &r.To }),
	on(func(r *Rule) *string { return &r.IIF }),
	on(func(r *Rule) *string { return &r.OIF }),
	on(func(r *Rule) *uint32 { return &r.Mark.Value }),
	on(func(r *Rule) *uint32 { return &r.Mark.Mask }),
	on(func(r *Rule) *route.TOS { return &r.TOS }),
	on(func(r *Rule) *IPProto { return &r.IPProto }),
	on(func(r *Rule) *Ports { return &r.SPort }),
	on(func(r *Rule) *Ports { return &r.DPort }),
	on(func(r *Rule) *UIDs { return &r.UIDs }),
	on(func(r *Rule) *Limit { return &r.Suppress }),
}

// shape says which of the conditions a rule has, a bit for each.
type shape uint16

func (r *Rule) shape() (s shape) {
	for i, c := range conditions {
		if c.has(r) {
			s |= 1 << i
		}
	}
	return s
}

// as returns the rule with the conditions of a shape only. When the kernel looks for a rule, a condition that is not in the request
// matches any value. It does not compare the flag not and the target of a goto (rule_find in net/core/fib_rules.c, fib4_rule_compare in
// net/ipv4/fib_rules.c, fib6_rule_compare).
func (r *Rule) as(s shape) Rule {
	request := Rule{
		Inet6: r.Inet6, Priority: r.Priority, Action: r.Action, Table: r.Table, Proto: r.Proto,
		From: r.From, To: r.To, IIF: r.IIF, OIF: r.OIF, Mark: r.Mark, Conditions: r.Conditions, Suppress: r.Suppress,
	}
	for i, c := range conditions {
		if s&(1<<i) == 0 {
			c.drop(&request)
		}
	}
	return request
}

// matches reports whether a request for r matches other, too.
func (r *Rule) matches(other *Rule) bool { return other.as(r.shape()) == r.as(r.shape()) }

// is reports whether other is the same rule for the kernel.
func (r *Rule) is(other *Rule) bool {
	a, b := *r, *other
	for _, side := range []*Rule{&a, &b} {
		side.NS, side.Sibling, side.Vague, side.Source = "", "", false, spec.Source{}
	}
	return a == b
}

// Owned reports whether linkd made a rule. linkd creates no rule with attributes that the files cannot express.
func (kind) Owned(have *Rule) bool { return have.Proto == address.Mark && have.Extra == "" }

func (k kind) Diff(want, have *Rule) []reconcile.Field {
	var fs reconcile.Fields
	reconcile.Compare(&fs, "action", &want.Action, have.Action)
	if want.Table != have.Table {
		fs.Differ("table", tableText(have), tableText(want))
	}
	if want.Suppress != have.Suppress {
		fs.Differ("suppress_prefixlength", have.Suppress.String(), want.Suppress.String())
	}
	if want.Goto != have.Goto {
		fs.Differ("goto", gotoText(have), gotoText(want))
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

func gotoText(r *Rule) string {
	if r.Goto == 0 {
		return ""
	}
	return fmt.Sprint(r.Goto)
}

// Create creates a rule. With NLM_F_EXCL, the kernel reports that a rule exists if the request matches any rule, which may be
// another one of linkd's. Then Create sends the request without that flag.
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
			return fmt.Errorf("%w: a program with the protocol %s created it", err, have.Proto)
		}
	}
	return ns.Change(newRule(&made, unix.NLM_F_CREATE))
}

// Update creates the new rule and then deletes the old one, because the kernel cannot change a rule. So there is always one of
// them.
func (k kind) Update(ctx context.Context, ns *observe.NS, want, have *Rule) error {
	if err := k.Create(ctx, ns, want); err != nil {
		return err
	}
	return k.Delete(ctx, ns, have)
}

// Delete deletes a rule. The kernel deletes the first rule that the request matches. If other matching rules are before the one to
// delete, Delete adds copies of them at the end, and then sends the request once for each of them and once for the rule itself.
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
			if have.matches(r) {
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
