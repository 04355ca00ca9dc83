package reconcile

import (
	"maps"

	"linkd/pkg/spec"
)

// index is the wanted state by what a pass asks of it, so that a pass costs by what it looks at, and not by all that is
// wanted.
type index struct {
	// byScope are the wanted resources of each scope.
	byScope map[scope][]spec.Resource
	// reaching are the scopes of the resources that reach into a namespace from elsewhere.
	reaching map[string]map[scope]bool
	// looked are the scopes that matter: of what is wanted, and of what that needs.
	looked map[scope]bool
	// makers are the wanted resources that make namespaces.
	makers map[string]spec.ID

	want       *spec.Set
	dependents map[spec.ID][]spec.ID
}

func newIndex(want *spec.Set) *index {
	x := &index{
		byScope: map[scope][]spec.Resource{}, reaching: map[string]map[scope]bool{},
		looked: map[scope]bool{}, makers: map[string]spec.ID{}, want: want,
	}
	for _, r := range want.All() {
		s := scopeOf(r.ID())
		x.byScope[s] = append(x.byScope[s], r)
		x.looked[s] = true
		for _, need := range r.Needs() {
			x.looked[scopeOf(need)] = true
		}
		for _, ns := range reaches(r)[1:] {
			if x.reaching[ns] == nil {
				x.reaching[ns] = map[scope]bool{}
			}
			x.reaching[ns][s] = true
		}
		if made := makes(r); made != "" {
			x.makers[made] = r.ID()
		}
	}
	return x
}

// widen adds to the scopes that were looked at those whose resources may stand otherwise because of it: the other ends
// of what was looked at, and what reaches into those namespaces.
func (x *index) widen(looked map[scope]bool) map[scope]bool {
	wide := maps.Clone(looked)
	for s := range looked {
		for far := range x.reaching[s.ns] {
			if far.kind == s.kind {
				wide[far] = true
			}
		}
		for _, r := range x.byScope[s] {
			for _, ns := range reaches(r)[1:] {
				wide[scope{ns, s.kind}] = true
			}
		}
	}
	return wide
}

// needing are, for each resource, the wanted ones that need it. Few passes ask: those that make something anew.
func (x *index) needing(needs func(spec.Resource) []spec.ID) map[spec.ID][]spec.ID {
	if x.dependents == nil {
		x.dependents = map[spec.ID][]spec.ID{}
		for _, r := range x.want.All() {
			for _, need := range needs(r) {
				x.dependents[need] = append(x.dependents[need], r.ID())
			}
		}
	}
	return x.dependents
}
