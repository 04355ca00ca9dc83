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

// look brings the picture up to date where it is dirty, and returns what was looked at, or found missing.
func (e *Engine) look(ctx context.Context) (looked part) {
	looked, e.glanced = e.glanced, newPart()
	names := slices.Sorted(maps.Keys(e.dirty))
	for name, err := range e.world.OpenAll(names, e.Progress) {
		e.lose(name, err)
		delete(e.found, name)
		delete(e.seen, name)
		maps.DeleteFunc(e.blind, func(s scope, _ error) bool { return s.ns == name })
	}
	there := e.openDirty(names)
	for _, name := range names {
		if e.missing[name] == nil {
			continue
		}
		for i := range e.kinds {
			looked.scopes[scope{name, e.kinds[i].Name}] = true
		}
	}
	var mu sync.Mutex
	observe.Each(there, func(ns *observe.NS) {
		for i := range e.kinds {
			k := &e.kinds[i]
			x, dirty := e.dirty.of(ns.Name, k.Name)
			if !dirty {
				continue
			}
			s := scope{ns.Name, k.Name}
			mu.Lock()
			known := e.known(s)
			if e.stale[s] {
				x = everything
			}
			mu.Unlock()
			seen, err := e.see(ctx, k, ns, x, known)
			mu.Lock()
			if err != nil {
				looked.scopes[s] = true
				e.blind[s] = fmt.Errorf("look at %s in %s: %w", k.Name, ns.Name, err)
			} else {
				delete(e.blind, s)
				delete(e.stale, s)
				e.journal.confirm(seen.found)
				e.found.put(k, seen, looked)
			}
			mu.Unlock()
			e.Progress()
		}
	})
	for i := range e.kinds {
		if k := &e.kinds[i]; looked.has(k.Name) {
			k.join(e.found.ofKind(k.Name))
		}
	}
	clear(e.dirty)
	// What is found is needed until it is known all that is wanted.
	e.search = e.search && e.partial
	return looked
}

// openDirty are the dirty namespaces that are there, in the order of names. What was known of one that is another
// now is dropped.
func (e *Engine) openDirty(names []string) (there []*observe.NS) {
	for _, name := range names {
		ns, err := e.world.Open(name)
		if err != nil {
			e.lose(name, err)
			continue
		}
		if e.seen[name] != ns.Identity || e.missing[name] != nil {
			e.noteNamespace(name, "there", nil)
		}
		delete(e.missing, name)
		if e.seen[name] != ns.Identity {
			e.unreach(name)
			delete(e.found, name)
			e.seen[name] = ns.Identity
			e.dirty.all(name)
		}
		ns.Forget()
		there = append(there, ns)
	}
	return there
}

// lose notes that a namespace is not there.
func (e *Engine) lose(name string, err error) {
	if e.missing[name] == nil {
		e.noteNamespace(name, "missing", err)
	}
	e.missing[name] = err
}

// known is what was found in a scope and is as certain as its last look; nil where there is nothing of the kind.
func (e *Engine) known(s scope) map[spec.ID]spec.Resource {
	if e.blind[s] != nil {
		return nil
	}
	return e.found[s.ns][s.kind]
}

// unreach forgets that what is wanted in a namespace has been there, or has failed there: it is another namespace now, in
// which nobody undid anything, and nothing was tried.
func (e *Engine) unreach(name string) {
	for i := range e.kinds {
		s := scope{name, e.kinds[i].Name}
		ids := slices.Clone(e.index.reaching[s])
		for _, r := range e.index.byScope[s] {
			ids = append(ids, r.ID())
		}
		for _, id := range ids {
			delete(e.reached, id)
			delete(e.trials, id)
		}
	}
}

func (e *Engine) see(ctx context.Context, k *Registered, ns *observe.NS, x extent, known map[spec.ID]spec.Resource) (sighting, error) {
	if !k.selective() {
		return see(ctx, k, ns, x, known, e.index.byScope[scope{ns.Name, k.Name}])
	}
	seen := sighting{scope: scope{ns.Name, k.Name}}
	interest := e.interest(k, seen.scope)
	links, err := narrowed(k, ns, x, known)
	if err != nil {
		return seen, err
	}
	if links != nil {
		interest, seen.links = on(k, links, x, interest), &x
	}
	if seen.found, err = k.Look(ctx, ns, interest); err != nil || !e.search {
		return seen, err
	}
	marked, err := k.Observe(ctx, ns)
	seen.found = append(marked, seen.found...)
	return seen, err
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
