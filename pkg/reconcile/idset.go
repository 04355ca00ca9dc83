package reconcile

import (
	"iter"

	"linkd/pkg/spec"
)

// idSet is a set of resource IDs, grouped by scope, so that a question about one scope does not visit the others.
type idSet struct {
	scopes map[scope]map[spec.ID]bool
	n      int
}

func newIDSet() idSet { return idSet{scopes: map[scope]map[spec.ID]bool{}} }

func (s *idSet) add(id spec.ID) {
	at := scopeOf(id)
	if s.scopes[at] == nil {
		s.scopes[at] = map[spec.ID]bool{}
	}
	if !s.scopes[at][id] {
		s.scopes[at][id] = true
		s.n++
	}
}

func (s *idSet) remove(id spec.ID) {
	at := scopeOf(id)
	if !s.scopes[at][id] {
		return
	}
	s.n--
	if delete(s.scopes[at], id); len(s.scopes[at]) == 0 {
		delete(s.scopes, at)
	}
}

func (s *idSet) has(id spec.ID) bool { return s.scopes[scopeOf(id)][id] }

// in returns the IDs of a scope.
func (s *idSet) in(at scope) map[spec.ID]bool { return s.scopes[at] }

// all iterates over all IDs, in no order.
func (s *idSet) all() iter.Seq[spec.ID] {
	return func(yield func(spec.ID) bool) {
		for _, ids := range s.scopes {
			for id := range ids {
				if !yield(id) {
					return
				}
			}
		}
	}
}

// of iterates over the IDs in a workset.
func (s *idSet) of(p workset) iter.Seq[spec.ID] {
	return func(yield func(spec.ID) bool) {
		for at := range p.scopes {
			for id := range s.scopes[at] {
				if !yield(id) {
					return
				}
			}
		}
		for id := range p.ids {
			if s.has(id) && !p.scopes[scopeOf(id)] && !yield(id) {
				return
			}
		}
	}
}
