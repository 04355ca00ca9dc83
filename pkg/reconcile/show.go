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

// JournalLookup returns the journal's record of a resource: wrote is the value that linkd wrote to a setting, or ""
// for a resource that linkd made.
type JournalLookup func(id spec.ID) (wrote string, kept bool)

// Show lets each kind write the resources of the shown namespaces, and of the other ends of their links, into the
// document. It also writes settings whose value is the default but which linkd set, because a file without them would
// restore them.
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

// Find returns the resources of the kinds in the namespaces that out shows, and of the other ends of their links.
func Find(ctx context.Context, kinds []Registered, world *observe.World, journal *Journal, out Renderer) ([]spec.Resource, error) {
	s, err := observeShown(ctx, kinds, world, journal, out)
	if err != nil {
		return nil, err
	}
	var all []spec.Resource
	for k := range kinds {
		all = append(all, s.ofKind(k)...)
	}
	return all, nil
}

// shownResources are the observed resources, by namespace and then by kind, and the journal's names for the
// namespaces.
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

// connect connects the resources of a kind with each other.
func (s shownResources) connect(kind *Registered, k int) {
	connected := kind.Connect(s.ofKind(k))
	for _, found := range s.found {
		n := len(found[k])
		found[k], connected = connected[:n:n], connected[n:]
	}
}

// observeShown looks at all kinds in the shown namespaces, at several namespaces at a time.
func observeShown(ctx context.Context, kinds []Registered, world *observe.World, journal *Journal, out Renderer) (shownResources, error) {
	defer world.Release()
	namespaces, err := openShown(ctx, world, out)
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

// openShown opens the namespaces that out shows, and those into which their links lead.
func openShown(ctx context.Context, world *observe.World, out Renderer) (namespaces []*observe.NS, err error) {
	shown, otherEnds := map[string]bool{}, map[string][]int{}
	for _, name := range out.Shown() {
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
		for other, indexes := range ends {
			otherEnds[other] = append(otherEnds[other], indexes...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(otherEnds)) {
		if shown[name] {
			continue
		}
		ns, err := world.Open(name)
		if err == nil {
			err = ns.LookAt(otherEnds[name])
		}
		if errors.Is(err, observe.ErrPending) {
			continue
		}
		if err != nil {
			return nil, err
		}
		declared, _ := world.Declared(name)
		out.Declare(declared, false)
		namespaces = append(namespaces, ns)
	}
	return namespaces, nil
}

// aliases are the names that the journal has for the shown namespaces.
type aliases struct {
	journal  *Journal
	identity map[string]observe.Identity // of the shown namespaces
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

// kept is a JournalLookup.
func (a aliases) kept(id spec.ID) (wrote string, kept bool) {
	identity := a.identity[id.NS]
	for name := range a.names[identity] {
		id.NS = name
		switch e, known := a.journal.Get(id, identity); {
		case known && e.Set:
			return e.Wrote, true
		case known:
			return "", true
		}
	}
	return "", false
}

// confirm looks up in the journal which resources with a mark linkd fetched.
func (a aliases) confirm(kind *Registered, found []spec.Resource) { a.journal.confirm(kind, found) }

// in returns the resources of a kind in a namespace that have an entry.
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
