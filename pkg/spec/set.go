package spec

import (
	"cmp"
	"slices"
)

// Set holds the desired resources by ID. All methods except All take the same time for any number of resources.
// One goroutine fills a set. After All, any number of goroutines may call Get, Len, All and In, until the next Add.
type Set struct {
	byID   map[ID]Resource
	places map[place]*group
	all    []Resource
}

// place is one kind in one namespace.
type place struct{ ns, kind string }

// group are the resources of a place.
type group struct {
	// list is in the order of the keys if sorted is set, and else in the order of Add.
	list   []keyed
	sorted bool
	// resources are those of the list, and index is the result of IndexOf; each is nil until it is needed.
	resources []Resource
	index     any
}

// keyed caches the key of a resource, because ID composes it for every call.
type keyed struct {
	key      string
	resource Resource
}

// Add adds r to the set, unless its ID is taken: then it returns the holder.
func (s *Set) Add(r Resource) (holder Resource) {
	id := r.ID()
	if have, taken := s.byID[id]; taken {
		return have
	}
	if s.byID == nil {
		s.byID, s.places = map[ID]Resource{}, map[place]*group{}
	}
	s.byID[id] = r
	s.all = nil
	at := place{id.NS, id.Kind}
	g := s.places[at]
	if g == nil {
		g = &group{sorted: true}
		s.places[at] = g
	}
	g.sorted = g.sorted && (len(g.list) == 0 || g.list[len(g.list)-1].key < id.Key)
	g.list = append(g.list, keyed{id.Key, r})
	g.resources, g.index = nil, nil
	return nil
}

// Get returns the resource with that ID, or nil.
func (s *Set) Get(id ID) Resource {
	if s == nil {
		return nil
	}
	return s.byID[id]
}

// Len returns the number of resources in the set.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.byID)
}

// All returns the resources in ID order. The slice belongs to the set.
func (s *Set) All() []Resource {
	if s == nil {
		return nil
	}
	if s.all == nil && len(s.byID) > 0 {
		order := make([]place, 0, len(s.places))
		for at := range s.places {
			order = append(order, at)
		}
		slices.SortFunc(order, func(a, b place) int { return ID{NS: a.ns, Kind: a.kind}.Compare(ID{NS: b.ns, Kind: b.kind}) })
		all := make([]Resource, 0, len(s.byID))
		for _, at := range order {
			g, from := s.places[at], len(all)
			g.sort()
			for _, e := range g.list {
				all = append(all, e.resource)
			}
			g.resources = all[from:len(all):len(all)]
		}
		s.all = all
	}
	return s.all
}

// In returns the resources of a kind in a namespace, in ID order. The slice belongs to the set.
func (s *Set) In(ns, kind string) []Resource {
	if g := s.places[place{ns, kind}]; g != nil {
		return g.inOrder()
	}
	return nil
}

func (g *group) sort() {
	if !g.sorted {
		slices.SortFunc(g.list, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
		g.sorted = true
	}
}

func (g *group) inOrder() []Resource {
	if g.resources == nil {
		g.sort()
		g.resources = make([]Resource, len(g.list))
		for i, e := range g.list {
			g.resources[i] = e.resource
		}
	}
	return g.resources
}

// IndexOf returns the result of build for the resources of a kind in a namespace, in ID order. It caches the result
// until a resource of that kind is added to that namespace. A kind has one index, so it must always pass the same
// build.
func IndexOf[T any](s *Set, ns, kind string, build func([]Resource) T) T {
	g := s.places[place{ns, kind}]
	if g == nil {
		return build(nil)
	}
	if g.index == nil {
		g.index = build(g.inOrder())
	}
	return g.index.(T)
}

// dropIndexes drops what IndexOf has cached. After the files are compiled, it is hardly ever needed, and takes more memory than what it
// indexes.
func (s *Set) dropIndexes() {
	for _, g := range s.places {
		g.index = nil
	}
}
