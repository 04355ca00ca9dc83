package iptables

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"linkd/pkg/observe"
)

// removal has the chains of linkd's in one table that one observation found and the files do not declare. A program that can change
// the rules of a namespace can create thousands of them, so linkd deletes all of them when it deletes the first: that takes one run
// of a program, and not one for each.
type removal struct {
	chains []*Chain

	mu sync.Mutex
	// results has the results for the chains for which Delete has not been called since.
	results map[*Chain]error
}

// mostRestores limits how often one removal runs iptables-restore when that refuses a part.
const mostRestores = 32

// shareRemovals groups the surplus chains of linkd's by their tables.
func shareRemovals(found, wanted []Resource) {
	kept := map[string]bool{}
	for _, w := range wanted {
		// A chain that linkd knows only from the journal, and removes, has no siblings.
		if c, is := w.(*Chain); is && len(c.siblings) > 0 {
			kept[c.ID().Key] = true
		}
	}
	byTable := map[string]*removal{}
	for _, f := range found {
		c, is := f.(*Chain)
		if !is || kept[c.ID().Key] {
			continue
		}
		if byTable[c.Table] == nil {
			byTable[c.Table] = &removal{}
		}
		c.removal = byTable[c.Table]
		c.removal.chains = append(c.removal.chains, c)
	}
}

// delete deletes a chain, together with the others of the removal. It keeps their results until Delete asks for them.
func (r *removal) delete(ctx context.Context, k kind, ns *observe.NS, c *Chain) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err, done := r.results[c]
	if !done {
		if r.results, err = k.removeChains(ctx, ns, c.Table, r.chains); err != nil {
			return err
		}
		err = r.results[c]
	}
	delete(r.results, c)
	return err
}

// removeChains deletes the existing ones of the chains from a table.
func (k kind) removeChains(ctx context.Context, ns *observe.NS, tableName string, chains []*Chain) (results map[*Chain]error, err error) {
	results = map[*Chain]error{}
	err = k.in(ctx, ns, func(b *backend) error {
		v, err := b.look(ctx, nil)
		if err != nil {
			return err
		}
		t := v.table(tableName)
		if t.unreadable != nil {
			return t.unreadable
		}
		if t.name == nat {
			if err := b.settlePast(ctx, k, ns, t); err != nil {
				return err
			}
		}
		var there []*Chain
		for _, c := range chains {
			results[c] = nil
			if _, is := t.chains[c.Name]; is {
				there = append(there, c)
			}
		}
		if t.name == nat {
			if err := b.unhook(ctx, k, ns, t, there); err != nil {
				return err
			}
		}
		restores := mostRestores
		b.removeSome(ctx, t, there, results, &restores)
		return b.deleteEmptyTable(t.name)
	})
	return results, err
}

// removeSome tries to delete all chains at once. If iptables-restore refuses, it tries each half.
func (b *backend) removeSome(ctx context.Context, t *table, chains []*Chain, results map[*Chain]error, restores *int) {
	s, others := endScript(t, chains)
	*restores--
	err := b.restore(ctx, s)
	if errors.As(err, new(*refusal)) && len(chains) > 1 && *restores >= 2 {
		half := len(chains) / 2
		b.removeSome(ctx, t, chains[:half], results, restores)
		b.removeSome(ctx, t, chains[half:], results, restores)
		return
	}
	for _, c := range chains {
		results[c] = err
		if from := others[c.Name]; err == nil && len(from) > 0 {
			results[c] = fmt.Errorf("rules that are not linkd's jump there, in %s: it stays, empty", strings.Join(from, ", "))
		}
	}
}

// endScript returns the script that deletes chains from a table, and the jumps to them. It only empties a chain to which foreign
// rules jump; others has the chains with these rules, by the names of the chains that stay.
func endScript(t *table, chains []*Chain) (s *script, others map[string][]string) {
	s = &script{table: t.name}
	ending := map[string]*Chain{}
	for _, c := range chains {
		ending[c.Name] = c
		for _, place := range c.places() {
			for _, at := range t.jumps(c, place) {
				s.add(Rule{}, "-D %s %s", place, t.chains[place][at])
			}
		}
	}
	others = t.otherReferences(ending)
	for _, c := range chains {
		s.add(Rule{}, "-F %s", c.Name)
	}
	for _, c := range chains {
		if len(others[c.Name]) == 0 {
			s.add(Rule{}, "-X %s", c.Name)
		}
	}
	return s, others
}

// otherReferences returns the chains with rules that are not linkd's jumps and lead to one of the chains to delete. A rule in a
// chain that linkd deletes does not count.
func (t *table) otherReferences(ending map[string]*Chain) (from map[string][]string) {
	from = map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(t.chains)) {
		if ending[name] != nil {
			continue
		}
		for _, r := range t.chains[name] {
			c := ending[r.targets()]
			if c == nil || c.isJump(r) && slices.Contains(c.places(), name) || slices.Contains(from[c.Name], name) {
				continue
			}
			from[c.Name] = append(from[c.Name], name)
		}
	}
	return from
}
