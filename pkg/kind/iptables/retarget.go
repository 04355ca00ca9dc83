package iptables

import (
	"context"
	"maps"
	"slices"
	"strings"

	"linkd/pkg/observe"
)

// linkd deletes the entries of connection tracking after it changed the rules, and may be killed in between. So the script that
// changes the rules of a chain also creates a chain with the earlier rules, without a jump to it. linkd deletes that chain after
// the entries. If linkd finds such a chain, it was killed, and deletes the entries then. To delete a chain itself, linkd first
// removes the jump to it.

// pastPrefix starts the names of the chains with earlier rules. The name of the built-in chain follows.
const pastPrefix = ownPrefix + "WAS-"

// holdsPast reports whether a resource is a chain with earlier rules.
func holdsPast(have Resource) bool {
	c, is := have.(*Chain)
	return is && strings.HasPrefix(c.Name, pastPrefix)
}

// keepPast adds chains with the earlier rules to the script, for the chains that translate differently afterwards. It returns their
// names.
func (s *script) keepPast(before, after map[string][]Rule) (names []string) {
	for _, hook := range translators {
		if sameArgs(before[hook], after[hook]) {
			continue
		}
		name := pastPrefix + hook
		names = append(names, name)
		s.add(Rule{}, ":%s - [0:0]", name)
		for _, r := range before[hook] {
			s.add(Rule{}, "-A %s %s", name, r)
		}
	}
	return names
}

// retarget runs a script that changes chains of the table nat, and deletes the entries of connection tracking that go elsewhere
// since then.
func (b *backend) retarget(ctx context.Context, k kind, ns *observe.NS, s *script, before, after map[string][]Rule) error {
	var past []string
	if len(s.lines) > 0 && !observe.Unloaded("nf_conntrack") {
		past = s.keepPast(before, after)
	}
	if err := b.restore(ctx, s); err != nil {
		return err
	}
	if err := k.follow(ctx, ns, before, after); err != nil {
		return err
	}
	return b.dropPast(ctx, past)
}

// dropPast deletes chains with earlier rules.
func (b *backend) dropPast(ctx context.Context, names []string) error {
	s := &script{table: nat}
	for _, name := range names {
		s.add(Rule{}, "-F %s", name)
		s.add(Rule{}, "-X %s", name)
	}
	return b.restore(ctx, s)
}

// settlePast finishes what a killed linkd left: it deletes the entries that go where the earlier rules sent them, and then the
// chain with these rules.
func (b *backend) settlePast(ctx context.Context, k kind, ns *observe.NS, t *table) error {
	now := t.reached()
	before := maps.Clone(now)
	var past []string
	for _, hook := range translators {
		if rules, there := t.chains[pastPrefix+hook]; there {
			past = append(past, pastPrefix+hook)
			before[hook] = rules
		}
	}
	if len(past) == 0 {
		return nil
	}
	if err := k.follow(ctx, ns, before, now); err != nil {
		return err
	}
	if err := b.dropPast(ctx, past); err != nil {
		return err
	}
	for _, name := range past {
		delete(t.chains, name)
	}
	return nil
}

// unhook removes the jumps to chains of the table nat, and deletes the entries of connection tracking that these chains translated.
// A chain without a jump lost it when linkd was killed.
func (b *backend) unhook(ctx context.Context, k kind, ns *observe.NS, t *table, chains []*Chain) error {
	before := t.reached()
	after := maps.Clone(before)
	s := &script{table: t.name}
	for _, c := range chains {
		if !slices.Contains(translators, c.hook()) {
			continue
		}
		before[c.hook()] = t.chains[c.Name]
		delete(after, c.hook())
		for _, at := range t.jumps(c, c.hook()) {
			s.add(Rule{}, "-D %s %s", c.hook(), t.chains[c.hook()][at])
		}
		t.chains[c.hook()] = slices.DeleteFunc(slices.Clone(t.chains[c.hook()]), c.isJump)
	}
	if err := b.restore(ctx, s); err != nil {
		return err
	}
	return k.follow(ctx, ns, before, after)
}
