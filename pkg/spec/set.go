package spec

import (
	"cmp"
	"slices"
)

// Set holds the wanted resources by ID. Every question but that for All costs the same however many resources there are.
//
// One goroutine fills a set. After All, any number may ask for Get, Len, All and In, until somebody adds to it.
type Set struct {
	byID   map[ID]Resource
	places map[place]*group
	all    []Resource
}

// place is one kind in one namespace.
type place struct{ ns, kind string }

// group are the resources of a place.
type group struct {
	// list has them in the order of their keys if sorted is set, and else in the order in which they came.
	list   []keyed
	sorted bool
	// resources are those of the list, and index is what IndexOf made of them; each is nil until somebody asks.
	resources []Resource
	index     any
}

// keyed keeps the key of a resource: the resource itself has to compose it anew for every question.
type keyed struct {
	key      string
	resource Resource
}

// Add puts r into the set, unless its ID is there already: then it returns the holder.
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

// Get is the resource with that ID, or nil.
func (s *Set) Get(id ID) Resource {
	if s == nil {
		return nil
	}
	return s.byID[id]
}

// Len is the number of resources in the set.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.byID)
}

// All are the resources in ID order. The slice belongs to the set.
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

// In are the resources of a kind in a namespace, in ID order. The slice belongs to the set.
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

// IndexOf is what build makes of the resources of a kind in a namespace, in ID order. It is made once, and again only when
// there is another resource of that kind in that namespace. A kind has one index, so it always comes with the same build.
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
