package reconcile

import (
	"context"

	"fmt"

	"maps"
	"slices"
	"sync"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// dirt is what has to be looked at: kinds by namespace. A nil set of kinds is all of them.
type dirt map[string]map[string]bool

func (d dirt) all(ns string) { d[ns] = nil }

func (d dirt) mark(ns, kind string) {
	kinds, marked := d[ns]
	if marked && kinds == nil {
		return
	}
	if kinds == nil {
		kinds = map[string]bool{}
		d[ns] = kinds
	}
	kinds[kind] = true
}

// clean takes one scope away. Where all of a namespace is dirty, it stays so.
func (d dirt) clean(s scope) {
	kinds := d[s.ns]
	delete(kinds, s.kind)
	if kinds != nil && len(kinds) == 0 {
		delete(d, s.ns)
	}
}

func (d dirt) has(ns, kind string) bool {
	kinds, marked := d[ns]
	return marked && (kinds == nil || kinds[kind])
}

// look brings the picture up to date where it is dirty, and returns the scopes that were looked at, or found missing.
func (e *Engine) look(ctx context.Context) (looked map[scope]bool) {
	looked, e.glanced = e.glanced, map[scope]bool{}
	names := slices.Sorted(maps.Keys(e.dirty))
	for name, err := range e.world.OpenAll(names) {
		e.missing[name] = err
		delete(e.found, name)
		delete(e.seen, name)
		maps.DeleteFunc(e.blind, func(s scope, _ error) bool { return s.ns == name })
	}
	there := e.openDirty(names)
	for _, name := range names {
		for i := range e.kinds {
			if e.dirty.has(name, e.kinds[i].Name) {
				looked[scope{name, e.kinds[i].Name}] = true
			}
		}
	}
	var mu sync.Mutex
	observe.Each(there, func(ns *observe.NS) {
		for i := range e.kinds {
			k := &e.kinds[i]
			if !e.dirty.has(ns.Name, k.Name) {
				continue
			}
			s := scope{ns.Name, k.Name}
			found, err := observeScope(ctx, k, ns, e.interest(k, s), e.search && ns.Name == spec.Host)
			mu.Lock()
			if err != nil {
				e.blind[s] = fmt.Errorf("look at %s in %s: %w", k.Name, ns.Name, err)
			} else {
				delete(e.blind, s)
				e.found.put(s, found)
			}
			mu.Unlock()
		}
	})
	for i := range e.kinds {
		if k := &e.kinds[i]; anyOf(looked, k.Name) {
			k.join(e.found.ofKind(k.Name))
		}
	}
	clear(e.dirty)
	e.search = false
	return looked
}

func anyOf(scopes map[scope]bool, kind string) bool {
	for s := range scopes {
		if s.kind == kind {
			return true
		}
	}
	return false
}

// openDirty are the dirty namespaces that are there, in the order of names. What was known of one that is another
// now is dropped.
func (e *Engine) openDirty(names []string) (there []*observe.NS) {
	for _, name := range names {
		ns, err := e.world.Open(name)
		if err != nil {
			e.missing[name] = err
			continue
		}
		delete(e.missing, name)
		if e.seen[name] != ns.Identity {
			delete(e.found, name)
			e.seen[name] = ns.Identity
			e.dirty.all(name)
		}
		ns.Forget()
		there = append(there, ns)
	}
	return there
}

func observeScope(ctx context.Context, k *Registered, ns *observe.NS, interest []spec.Resource, search bool) ([]spec.Resource, error) {
	switch {
	case k.selective() && len(interest) > 0:
		return k.observeWanted(ctx, ns, interest)
	case k.selective() && !search:
		return nil, nil
	}
	return k.Observe(ctx, ns)
}

// interest is what a selective kind has to look at in a scope: what is wanted, and what the journal knows to be set.
func (e *Engine) interest(k *Registered, s scope) []spec.Resource {
	if !k.selective() {
		return nil
	}
	interest := slices.Clone(e.index.byScope[s])
	for id := range e.journal.In(s) {
		if e.want.Get(id) == nil {
			if r, ok := k.fromID(id); ok {
				interest = append(interest, r)
			}
		}
	}
	return interest
}

// complete fills in what wanted resources can only know from the world.
func (e *Engine) complete(resources []spec.Resource) []wanted {
	want := make([]wanted, len(resources))
	for i, r := range resources {
		done, err := e.byName[r.ID().Kind].complete(e.world, r)
		if err != nil {
			done = r
		}
		want[i] = wanted{done, err}
	}
	return want
}
