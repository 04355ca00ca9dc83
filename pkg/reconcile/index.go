package reconcile

import (
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// index indexes the desired state, so that the cost of a pass depends on what changed and not on the size of the
// desired state.
type index struct {
	// fromElsewhere are the resources of other namespaces that reach into a namespace, by that namespace and their
	// kind.
	fromElsewhere map[scope][]spec.ID
	// relevant are the scopes that have desired resources or what these need.
	relevant map[scope]bool
	// makers are the desired resources that make namespaces.
	makers map[string]spec.ID

	// takers are the desired resources that are fetched, by their origin, and fetchedKinds are their kinds.
	takers       map[spec.ID]spec.ID
	fetchedKinds map[string]bool

	// reached are the desired resources that are reached by a resource (spec.Relations.ReachedBy).
	reached map[spec.ID][]spec.ID

	want       *spec.Set
	dependents map[spec.ID][]spec.ID
	neededIn   map[scope][]spec.ID
	// subjects are the IDs of desired resources by subject, for scopes whose single resources can be looked at, once
	// withSubject has been called.
	subjects map[scope]map[observe.Subject][]spec.ID
}

func newIndex(want *spec.Set) *index {
	x := &index{
		fromElsewhere: map[scope][]spec.ID{},
		relevant:      map[scope]bool{}, makers: map[string]spec.ID{}, takers: map[spec.ID]spec.ID{},
		fetchedKinds: map[string]bool{}, reached: map[spec.ID][]spec.ID{}, want: want,
	}
	if want == nil {
		x.want = &spec.Set{}
		return x
	}
	for _, r := range want.All() {
		s := scopeOf(r.ID())
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

// workset is a set of resources: whole scopes, and single resources of other scopes.
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

// covers reports whether the workset has a resource.
func (p workset) covers(id spec.ID) bool { return p.ids[id] || p.scopes[scopeOf(id)] }

// addRelated adds the resources to a workset that it may affect: those that the kernel makes together with its
// resources, and those that reach into its scopes.
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

// in returns the desired resources of a scope, in order.
func (x *index) in(s scope) []spec.Resource { return x.want.In(s.ns, s.kind) }

// of returns the desired resources of a workset, in order.
func (x *index) of(p workset) (want []spec.Resource) {
	for _, s := range inOrder(p.scopes, scope.compare) {
		want = append(want, x.in(s)...)
	}
	for _, id := range inOrder(p.ids, spec.ID.Compare) {
		if r := x.want.Get(id); r != nil && !p.scopes[scopeOf(id)] {
			want = append(want, r)
		}
	}
	return want
}

// needs returns the resources that r names, and the makers of its namespaces; more are makers beside the desired
// ones.
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

// allDependents returns for each resource the desired ones that need it.
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

// needed returns the resources of a scope that desired ones need.
func (x *index) needed(s scope) []spec.ID {
	x.allDependents()
	return x.neededIn[s]
}
