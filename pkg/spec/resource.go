package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ID names a resource as an operator would say it: blue/link/vx10. It is comparable and never holds an ifindex.
type ID struct{ NS, Kind, Key string }

func (id ID) String() string { return id.NS + "/" + id.Kind + "/" + id.Key }

// Compare orders IDs by namespace, kind and key.
func (id ID) Compare(other ID) int {
	return cmp.Or(strings.Compare(id.NS, other.NS), strings.Compare(id.Kind, other.Kind), strings.Compare(id.Key, other.Key))
}

// MarshalText writes the ID in its printed form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// LinkID is the ID of the link called name in the namespace ns. It stands here because resources of every kind
// need links.
func LinkID(ns, name string) ID { return ID{NS: ns, Kind: "link", Key: name} }

// Resource is one thing that linkd can own. The same type says what is wanted and what is found.
type Resource interface {
	ID() ID
	// Needs are the resources without which this one cannot be there. One that no file declares has to be found.
	Needs() []ID
	// Origin is where the resource was declared; it is zero for one that was found.
	Origin() Source
}

// Set holds the wanted resources by ID.
type Set struct {
	byID   map[ID]Resource
	sorted []Resource
	places map[place][]Resource
}

// place is one kind in one namespace.
type place struct{ ns, kind string }

// Add puts r into the set, unless its ID is there already: then it returns the holder.
func (s *Set) Add(r Resource) (holder Resource) {
	if s.byID == nil {
		s.byID = map[ID]Resource{}
	}
	if have, taken := s.byID[r.ID()]; taken {
		return have
	}
	s.byID[r.ID()] = r
	s.sorted, s.places = nil, nil
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
	if s.sorted == nil {
		for _, r := range s.byID {
			s.sorted = append(s.sorted, r)
		}
		slices.SortFunc(s.sorted, func(a, b Resource) int { return a.ID().Compare(b.ID()) })
	}
	return s.sorted
}

// In are the resources of a kind in a namespace, in ID order.
func (s *Set) In(ns, kind string) []Resource {
	if s.places == nil {
		s.places = map[place][]Resource{}
		for _, r := range s.All() {
			at := place{r.ID().NS, r.ID().Kind}
			s.places[at] = append(s.places[at], r)
		}
	}
	return s.places[place{ns, kind}]
}

// Nested is a resource that stands inside others without needing them to be declared: that must not go round in a
// circle either.
type Nested interface{ Within() []ID }

// cycles reports every resource that needs itself, directly or through others.
func (s *Set) cycles() Errors {
	const (
		unseen = iota
		open
		done
	)
	state := map[ID]int{}
	var errs Errors
	var path []ID
	var visit func(id ID)
	visit = func(id ID) {
		r := s.byID[id]
		if r == nil || state[id] == done {
			return
		}
		if state[id] == open {
			round := path[slices.Index(path, id):]
			names := make([]string, 0, len(round)+1)
			e := &Error{Source: r.Origin()}
			for _, step := range append(slices.Clone(round), id) {
				names = append(names, step.String())
				if f := s.byID[step].Origin().File; f != e.File {
					e.Also = append(e.Also, f)
				}
			}
			e.Message = fmt.Sprintf("a cycle: %s", strings.Join(names, " needs "))
			errs = append(errs, e)
			return
		}
		state[id] = open
		path = append(path, id)
		needs := r.Needs()
		if n, is := r.(Nested); is {
			needs = append(slices.Clone(needs), n.Within()...)
		}
		for _, need := range needs {
			visit(need)
		}
		path = path[:len(path)-1]
		state[id] = done
	}
	for _, r := range s.All() {
		visit(r.ID())
	}
	return errs
}
