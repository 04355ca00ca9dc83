package reconcile

import (
	"iter"
	"maps"

	"linkd/pkg/spec"
)

// idSet is a set of resource IDs, grouped by scope, so that a question about one scope does not visit the others.
type idSet struct {
	scopes map[scope]map[spec.ID]bool
	n      int
	most   int // see trimmed
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
		s.scopes = trimmed(s.scopes, &s.most)
	}
}

// fewKept is the number of entries for which a map always keeps room.
const fewKept = 64

// trimmed returns a map from which an entry was just deleted, or a copy of it if it once was several times as long: a map
// keeps the room for what was deleted, and whoever goes through it goes through that. Most is the greatest length since
// the last copy. The caller must not go through the map meanwhile.
func trimmed[K comparable, V any](m map[K]V, most *int) map[K]V {
	if *most = max(*most, len(m)+1); *most <= fewKept || len(m) > *most/8 {
		return m
	}
	fresh := make(map[K]V, len(m))
	maps.Copy(fresh, m)
	*most = len(m)
	return fresh
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
