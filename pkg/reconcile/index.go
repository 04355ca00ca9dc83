package reconcile

import (
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// index is the wanted state by what a pass asks of it, so that a pass costs by what it looks at, and not by all that is
// wanted.
type index struct {
	// byScope are the wanted resources of each scope.
	byScope map[scope][]spec.Resource
	// fromElsewhere are the resources that reach into a namespace from elsewhere, by that namespace and their kind.
	fromElsewhere map[scope][]spec.ID
	// relevant are the scopes that matter: of what is wanted, and of what that needs.
	relevant map[scope]bool
	// makers are the wanted resources that make namespaces.
	makers map[string]spec.ID

	// takers are the wanted resources that are fetched, by where from, and fetches the kinds that have such.
	takers       map[spec.ID]spec.ID
	fetchedKinds map[string]bool

	// reached are the wanted resources that are reached by one.
	reached map[spec.ID][]spec.ID

	want       *spec.Set
	dependents map[spec.ID][]spec.ID
	neededIn   map[scope][]spec.ID
	// subjects are the wanted resources of scopes of which single ones can be looked at, once somebody asks.
	subjects map[scope]map[observe.Subject][]spec.ID
}

func newIndex(want *spec.Set) *index {
	x := &index{
		byScope: map[scope][]spec.Resource{}, fromElsewhere: map[scope][]spec.ID{},
		relevant: map[scope]bool{}, makers: map[string]spec.ID{}, takers: map[spec.ID]spec.ID{},
		fetchedKinds: map[string]bool{}, reached: map[spec.ID][]spec.ID{}, want: want,
	}
	if want == nil {
		x.want = &spec.Set{}
		return x
	}
	for _, r := range want.All() {
		s := scopeOf(r.ID())
		x.byScope[s] = append(x.byScope[s], r)
		x.relevant[s] = true
		for _, need := range r.Needs() {
			x.relevant[scopeOf(need)] = true
		}
		for _, ns := range namespacesOf(r)[1:] {
			into := scope{ns, s.kind}
			x.fromElsewhere[into] = append(x.fromElsewhere[into], r.ID())
		}
		if origin, fetched := fetchedFrom(r); fetched {
			x.takers[origin], x.fetchedKinds[s.kind] = r.ID(), true
		}
		if made := makes(r); made != "" {
			x.makers[made] = r.ID()
		}
		for _, through := range r.Relations().ReachedBy {
			x.reached[through] = append(x.reached[through], r.ID())
		}
	}
	return x
}

// workset is a part of all there is: whole scopes, and single resources of others.
type workset struct {
	scopes map[scope]bool
	ids    map[spec.ID]bool
}

func newWorkset() workset { return workset{scopes: map[scope]bool{}, ids: map[spec.ID]bool{}} }

func (p workset) add(other workset) {
	maps.Copy(p.scopes, other.scopes)
	maps.Copy(p.ids, other.ids)
}

func (p workset) empty() bool { return len(p.scopes)+len(p.ids) == 0 }

// covers tells whether a resource is in the part.
func (p workset) covers(id spec.ID) bool { return p.ids[id] || p.scopes[scopeOf(id)] }

// addRelated adds to what was looked at the resources that may stand otherwise because of it: those that come into being
// together, and those that reach into a namespace which was looked at.
func (x *index) addRelated(p workset) {
	for id := range p.ids {
		want := x.want.Get(id)
		if want == nil {
			continue
		}
		if twin, is := alsoMakes(want); is {
			p.ids[twin] = true
		}
		for _, need := range want.Needs() {
			if need.Kind == id.Kind {
				p.ids[need] = true
			}
		}
	}
	for s := range p.scopes {
		for _, id := range x.fromElsewhere[s] {
			p.ids[id] = true
		}
	}
}

// in are the wanted resources of a part.
func (x *index) in(p workset) (want []spec.Resource) {
	for _, s := range inOrder(p.scopes, scope.compare) {
		want = append(want, x.byScope[s]...)
	}
	for _, id := range inOrder(p.ids, spec.ID.Compare) {
		if r := x.want.Get(id); r != nil && !p.scopes[scopeOf(id)] {
			want = append(want, r)
		}
	}
	return want
}

// needs are the resources that r names, and the makers of the namespaces that it is in or reaches into: those of the
// wanted state, and more.
func (x *index) needs(r spec.Resource, more map[string]spec.ID) []spec.ID {
	needs := r.Needs()
	if len(x.makers)+len(more) == 0 {
		return needs
	}
	for _, ns := range namespacesOf(r) {
		maker, made := more[ns]
		if !made {
			maker, made = x.makers[ns]
		}
		if made && maker != r.ID() {
			needs = append(slices.Clone(needs), maker)
		}
	}
	return needs
}

// allDependents are, for each resource, the wanted ones that need it.
func (x *index) allDependents() map[spec.ID][]spec.ID {
	if x.dependents == nil {
		x.dependents, x.neededIn = map[spec.ID][]spec.ID{}, map[scope][]spec.ID{}
		for _, r := range x.want.All() {
			for _, need := range x.needs(r, nil) {
				if x.dependents[need] == nil {
					s := scopeOf(need)
					x.neededIn[s] = append(x.neededIn[s], need)
				}
				x.dependents[need] = append(x.dependents[need], r.ID())
			}
		}
	}
	return x.dependents
}

// needed are the resources of a scope that wanted ones need.
func (x *index) needed(s scope) []spec.ID {
	x.allDependents()
	return x.neededIn[s]
}
