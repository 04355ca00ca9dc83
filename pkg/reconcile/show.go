package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// JournalLookup tells what the journal knows of a resource: wrote is what linkd made of a setting, and "" for what it made.
type JournalLookup func(id spec.ID) (wrote string, kept bool)

// Show has the kinds say what there is in the namespaces that the page shows, and of the other ends of their links.
// What the journal says linkd has set is said even where it is there by itself: a file without it would put it back.
func Show(ctx context.Context, kinds []Registered, world *observe.World, journal *Journal, doc *spec.Document) error {
	s, err := observeShown(ctx, kinds, world, journal, doc)
	if err != nil {
		return err
	}
	for k := range kinds {
		for _, found := range s.found {
			kinds[k].show(doc, found[k], s.known.kept)
		}
	}
	return nil
}

// Find is what there is of the kinds in the namespaces that the paper shows, and of the other ends of their links.
func Find(ctx context.Context, kinds []Registered, world *observe.World, journal *Journal, paper Renderer) ([]spec.Resource, error) {
	s, err := observeShown(ctx, kinds, world, journal, paper)
	if err != nil {
		return nil, err
	}
	var all []spec.Resource
	for k := range kinds {
		all = append(all, s.ofKind(k)...)
	}
	return all, nil
}

// shownResources is what was found, by the namespace and then by the kind, and what the journal knows of it.
type shownResources struct {
	found [][][]spec.Resource
	known aliases
}

func (s shownResources) ofKind(k int) (all []spec.Resource) {
	for _, found := range s.found {
		all = append(all, found[k]...)
	}
	return all
}

// connect has what was found of a kind refer to each other.
func (s shownResources) connect(kind *Registered, k int) {
	connected := kind.Connect(s.ofKind(k))
	for _, found := range s.found {
		n := len(found[k])
		found[k], connected = connected[:n:n], connected[n:]
	}
}

func observeShown(ctx context.Context, kinds []Registered, world *observe.World, journal *Journal, paper Renderer) (shownResources, error) {
	defer world.Release()
	namespaces, err := openShown(ctx, world, paper)
	if err != nil {
		return shownResources{}, err
	}
	s := shownResources{make([][][]spec.Resource, len(namespaces)), newAliases(journal, namespaces)}
	errs := make([]error, len(namespaces))
	observe.Each(indexes(namespaces), func(i int) {
		s.found[i] = make([][]spec.Resource, len(kinds))
		for k := range kinds {
			found, err := kinds[k].shownResources(ctx, namespaces[i], s.known.in(namespaces[i].Name, kinds[k].Name))
			if err != nil {
				errs[i] = fmt.Errorf("look at %s in %s: %w", kinds[k].Name, namespaces[i].Name, err)
				return
			}
			s.known.confirm(&kinds[k], found)
			s.found[i][k] = found
		}
	})
	for k := range kinds {
		s.connect(&kinds[k], k)
	}
	return s, errors.Join(errs...)
}

func indexes[T any](items []T) []int {
	all := make([]int, len(items))
	for i := range all {
		all[i] = i
	}
	return all
}

// openShown opens the namespaces that the paper shows, and, for the links that lead there, those beyond.
func openShown(ctx context.Context, world *observe.World, paper Renderer) (namespaces []*observe.NS, err error) {
	shown, beyond := map[string]bool{}, map[string][]int{}
	for _, name := range paper.Shown() {
		ns, err := world.Open(name)
		if err != nil {
			return nil, err
		}
		namespaces = append(namespaces, ns)
		shown[name] = true
		ends, err := world.PeerNamespaces(ctx, ns)
		if err != nil {
			return nil, err
		}
		for far, indexes := range ends {
			beyond[far] = append(beyond[far], indexes...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(beyond)) {
		if shown[name] {
			continue
		}
		ns, err := world.Open(name)
		if err == nil {
			err = ns.LookAt(beyond[name])
		}
		if errors.Is(err, observe.ErrPending) {
			continue
		}
		if err != nil {
			return nil, err
		}
		declared, _ := world.Declared(name)
		paper.Declare(declared, false)
		namespaces = append(namespaces, ns)
	}
	return namespaces, nil
}

// aliases are the names under which the journal knows the namespaces that are shown.
type aliases struct {
	journal  *Journal
	identity map[string]observe.Identity // of what is shown
	names    map[observe.Identity]map[string]bool
}

func newAliases(journal *Journal, namespaces []*observe.NS) aliases {
	a := aliases{journal: journal, identity: map[string]observe.Identity{}, names: map[observe.Identity]map[string]bool{}}
	for _, ns := range namespaces {
		a.identity[ns.Name] = ns.Identity
		a.names[ns.Identity] = map[string]bool{}
	}
	for id, e := range journal.all() {
		if names := a.names[e.Identity]; names != nil {
			names[id.NS] = true
		}
	}
	return a
}

// kept is a Kept.
func (a aliases) kept(id spec.ID) (wrote string, kept bool) {
	identity := a.identity[id.NS]
	for name := range a.names[identity] {
		id.NS = name
		if e, known := a.journal.Get(id, identity); known {
			return e.Wrote, true
		}
	}
	return "", false
}

// confirm looks up in the journal what was found with a mark of linkd's.
func (a aliases) confirm(kind *Registered, found []spec.Resource) { a.journal.confirm(kind, found) }

// in are the resources of a kind in a namespace that the journal knows.
func (a aliases) in(ns, kind string) (ids []spec.ID) {
	for name := range a.names[a.identity[ns]] {
		for id, e := range a.journal.In(scope{name, kind}) {
			if e.Identity == a.identity[ns] {
				id.NS = ns
				ids = append(ids, id)
			}
		}
	}
	slices.SortFunc(ids, spec.ID.Compare)
	return ids
}
