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

// removal is the chains of linkd's of one table that one look found and that the files do not ask for. Whoever can change
// the rules of a namespace can make thousands of them, so they are deleted together, when the first of them is: that
// takes one program, and not one for each.
type removal struct {
	chains []*Chain

	mu sync.Mutex
	// results are what came of it, for those chains for which Delete was not called since.
	results map[*Chain]error
}

// mostRestores bounds how often iptables-restore is run for one removal, where it refuses some of it.
const mostRestores = 32

// shareRemovals groups the chains of linkd's that nobody wants, by their tables.
func shareRemovals(found, wanted []Resource) {
	kept := map[string]bool{}
	for _, w := range wanted {
		// What is only remembered, and has to go, has no siblings.
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

// delete takes a chain out, and the others of the removal with it. What came of them is kept until they are asked for.
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

// removeChains takes chains out of a table, those that are there.
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

// removeSome tries to take out all chains at once, and where that is refused, each half of them.
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

// endScript is what takes chains out of a table, with the jumps to them. One to which others' rules lead cannot go, and
// is only emptied: others has the chains with these rules, by the names of those that stay.
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

// otherReferences are the chains with rules that are not linkd's jumps and lead to one of those that end all the same. A
// rule in a chain that ends itself ends with it.
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
