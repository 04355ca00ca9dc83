package reconcile

import (
	"context"

	"fmt"

	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

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

func (d dirt) has(ns, kind string) bool {
	kinds, marked := d[ns]
	return marked && (kinds == nil || kinds[kind])
}

// look brings the picture up to date where it is dirty.
func (e *Engine) look(ctx context.Context) {
	names := slices.Sorted(maps.Keys(e.dirty))
	for name, err := range e.world.OpenAll(names) {
		e.missing[name] = err
		delete(e.found, name)
		delete(e.seen, name)
		maps.DeleteFunc(e.blind, func(s scope, _ error) bool { return s.ns == name })
	}
	interest := e.interest()
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(observe.Workers)
	for _, ns := range e.openDirty(names) {
		kinds := e.dirty[ns.Name]
		group.Go(func() error {
			for i := range e.kinds {
				k := &e.kinds[i]
				if kinds != nil && !kinds[k.Name] {
					continue
				}
				s := scope{ns.Name, k.Name}
				found, err := observeScope(ctx, k, ns, interest[s], e.search && ns.Name == spec.Host)
				mu.Lock()
				if err != nil {
					e.blind[s] = fmt.Errorf("look at %s in %s: %w", k.Name, ns.Name, err)
				} else {
					delete(e.blind, s)
					e.found.put(s, found)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait()
	for i := range e.kinds {
		if slices.ContainsFunc(names, func(ns string) bool { return e.dirty.has(ns, e.kinds[i].Name) }) {
			e.kinds[i].join(e.found.ofKind(e.kinds[i].Name))
		}
	}
	clear(e.dirty)
	e.search = false
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

// interest is what the selective kinds have to look at: what is wanted, and what the journal knows to be set.
func (e *Engine) interest() map[scope][]spec.Resource {
	selective := map[string]*Registered{}
	for i := range e.kinds {
		if e.kinds[i].selective() {
			selective[e.kinds[i].Name] = &e.kinds[i]
		}
	}
	interest := map[scope][]spec.Resource{}
	for _, r := range e.want.All() {
		if id := r.ID(); selective[id.Kind] != nil {
			interest[scopeOf(id)] = append(interest[scopeOf(id)], r)
		}
	}
	for id := range e.journal.IDs() {
		if k := selective[id.Kind]; k != nil && e.want.Get(id) == nil {
			if r, ok := k.fromID(id); ok {
				interest[scopeOf(id)] = append(interest[scopeOf(id)], r)
			}
		}
	}
	return interest
}

// complete fills in what wanted resources can only know from the world.
func (e *Engine) complete() []wanted {
	all := e.want.All()
	want := make([]wanted, len(all))
	for i, r := range all {
		done, err := e.byName[r.ID().Kind].complete(e.world, r)
		if err != nil {
			done = r
		}
		want[i] = wanted{done, err}
	}
	return want
}
