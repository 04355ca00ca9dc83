package reconcile

import (
	"linkd/pkg/spec"
)

// scope is one kind in one namespace: what is looked at as a whole.
type scope struct{ ns, kind string }

func scopeOf(id spec.ID) scope { return scope{id.NS, id.Kind} }

// picture is what was found, by namespace and kind.
type picture map[string]map[string]map[spec.ID]spec.Resource

func (p picture) get(id spec.ID) spec.Resource { return p[id.NS][id.Kind][id] }

func (p picture) set(r spec.Resource) {
	id := r.ID()
	if p[id.NS] == nil {
		p[id.NS] = map[string]map[spec.ID]spec.Resource{}
	}
	if p[id.NS][id.Kind] == nil {
		p[id.NS][id.Kind] = map[spec.ID]spec.Resource{}
	}
	p[id.NS][id.Kind][id] = r
}

func (p picture) ofKind(kind string) (found []spec.Resource) {
	for _, kinds := range p {
		for _, r := range kinds[kind] {
			found = append(found, r)
		}
	}
	return found
}

func (p picture) all() (found []spec.Resource) {
	for _, kinds := range p {
		for _, resources := range kinds {
			for _, r := range resources {
				found = append(found, r)
			}
		}
	}
	return found
}

// NamespaceMaker is a resource that makes the namespace of that name: everything in it needs the maker.
type NamespaceMaker interface{ MakesNamespace() string }

// makes is the namespace that r makes, "" for none.
func makes(r spec.Resource) string {
	if m, is := r.(NamespaceMaker); is {
		return m.MakesNamespace()
	}
	return ""
}

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

// Ailing is a found resource that can be as wanted and of no use all the same: it says why, or "". Nothing that linkd
// might do would help.
type Ailing interface{ Problem() string }

// Announced is a found resource of a silent kind that tells whether changes of it are announced all the same.
type Announced interface{ Announced() bool }

// Remarker is a wanted resource of which there may be something to say though it is there as wanted: that something
// else keeps it from working, say, which is not for linkd to change. Have is what was found.
type Remarker interface {
	Remark(have spec.Resource) string
}

// AlsoMaker is a resource whose creation brings others into being with it.
type AlsoMaker interface{ AlsoMakes() []spec.ID }
