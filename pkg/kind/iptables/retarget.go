package iptables

import (
	"context"
	"maps"
	"slices"
	"strings"

	"linkd/pkg/observe"
)

// The entries of connection tracking are deleted after the rules have changed, and linkd may be killed between the two. So the
// script that changes the rules of a chain also makes one that nothing leads to, with the rules from before, and linkd deletes that
// when it has deleted the entries. Where a look finds such a chain, linkd was killed: it deletes the entries then. A chain that goes
// itself loses the jump to it first.

// pastPrefix begins the names of the chains that hold rules from before, and the name of the built-in chain ends them.
const pastPrefix = ownPrefix + "WAS-"

// pastHook is the built-in chain whose rules from before the chain holds; "" if it holds others.
func (c *Chain) pastHook() string {
	hook, is := strings.CutPrefix(c.Name, pastPrefix)
	if !is || c.Table != nat || !slices.Contains(translators, hook) {
		return ""
	}
	return hook
}

// keepPast has the script make chains with the rules from before of the chains that translate otherwise afterwards. It returns
// the names of these chains.
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

// retarget carries out a script that changes chains of the table nat, and deletes the entries of connection tracking that lead
// elsewhere since then.
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

// dropPast deletes chains with rules from before.
func (b *backend) dropPast(ctx context.Context, names []string) error {
	s := &script{table: nat}
	for _, name := range names {
		s.add(Rule{}, "-F %s", name)
		s.add(Rule{}, "-X %s", name)
	}
	return b.restore(ctx, s)
}

// settlePast does what was left to do when linkd was killed: it deletes the entries that lead where the rules of a chain from
// before have sent them, and then the chain.
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

// unhook takes the jumps to chains of the table nat away, and deletes the entries of connection tracking that these have sent
// elsewhere. One without a jump lost it when linkd was killed.
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
