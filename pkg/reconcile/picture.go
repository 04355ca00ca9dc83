package reconcile

import (
	"linkd/pkg/spec"
)

// scope is one kind in one namespace: what is looked at as a whole.
type scope struct{ ns, kind string }

func scopeOf(id spec.ID) scope { return scope{id.NS, id.Kind} }

// picture is what was found, by scope.
type picture map[scope]map[spec.ID]spec.Resource

func (p picture) get(id spec.ID) spec.Resource { return p[scopeOf(id)][id] }

func (p picture) put(s scope, found []spec.Resource) {
	m := make(map[spec.ID]spec.Resource, len(found))
	for _, r := range found {
		m[r.ID()] = r
	}
	p[s] = m
}

func (p picture) drop(ns string) {
	for s := range p {
		if s.ns == ns {
			delete(p, s)
		}
	}
}

func (p picture) ofKind(kind string) (found []spec.Resource) {
	for s, m := range p {
		if s.kind == kind {
			for _, r := range m {
				found = append(found, r)
			}
		}
	}
	return found
}

func (p picture) all() (found []spec.Resource) {
	for _, m := range p {
		for _, r := range m {
			found = append(found, r)
		}
	}
	return found
}

// NamespaceMaker is a resource that makes the namespace of that name: everything in it needs the maker.
type NamespaceMaker interface{ MakesNamespace() string }

// Reacher is a resource that needs further namespaces than its own to be there.
type Reacher interface{ Reaches() []string }

func reaches(r spec.Resource) []string {
	if far, is := r.(Reacher); is {
		return append([]string{r.ID().NS}, far.Reaches()...)
	}
	return []string{r.ID().NS}
}

// OnlyFound is a resource that linkd configures where it finds it, and does not make.
type OnlyFound interface{ OnlyFound() bool }

// AlsoMaker is a resource whose creation brings others into being with it.
type AlsoMaker interface{ AlsoMakes() []spec.ID }
