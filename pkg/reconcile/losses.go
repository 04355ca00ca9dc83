package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// losses tells what the kernel deletes together with a resource. It knows the observed resources that depend on others, and is
// updated with each of them, so that a deletion costs what it deletes, however much exists.
type losses struct {
	found     observed
	relations map[string]*relations
	// bases are what each resource depends on, and on has the resources that depend on each base.
	bases map[spec.ID][]spec.ID
	on    map[spec.ID]map[spec.ID]bool
}

func newLosses(found observed, relations map[string]*relations) *losses {
	return &losses{found: found, relations: relations, bases: map[spec.ID][]spec.ID{}, on: map[spec.ID]map[spec.ID]bool{}}
}

// update takes over what a resource depends on now; it may have disappeared.
func (l *losses) update(id spec.ID) {
	now := relationsOf(l.found.get(id)).StandsOn
	was := l.bases[id]
	if slices.Equal(was, now) {
		return
	}
	for _, base := range was {
		if delete(l.on[base], id); len(l.on[base]) == 0 {
			delete(l.on, base)
		}
	}
	for _, base := range now {
		if l.on[base] == nil {
			l.on[base] = map[spec.ID]bool{}
		}
		l.on[base][id] = true
	}
	if l.bases[id] = now; len(now) == 0 {
		delete(l.bases, id)
	}
}

// updateAll does so for all resources of a scope that were there before or are there now.
func (l *losses) updateAll(s scope, before, now *resources) {
	for key := range before.all() {
		if now.get(key) == nil {
			l.update(s.id(key))
		}
	}
	for key := range now.all() {
		l.update(s.id(key))
	}
}

// lostWith returns the resources that the kernel would delete together with r, in order. Both ends of a pair that refer to each
// other go together.
func (l *losses) lostWith(r spec.Resource) []spec.ID {
	lost := inOrder(l.on[r.ID()], spec.ID.Compare)
	if twin, is := l.otherEnd(r); is {
		lost = append(lost, inOrder(l.on[twin], spec.ID.Compare)...)
	}
	made := makes(r)
	if made == "" {
		return lost
	}
	var inside []spec.ID
	for _, r := range l.found.inNS(made) {
		if r.Relations().EndsWithNamespace {
			inside = append(inside, r.ID())
		}
	}
	slices.SortFunc(inside, spec.ID.Compare)
	return append(lost, inside...)
}

// otherEnd returns the other end of a pair if the two ends refer to each other.
func (l *losses) otherEnd(r spec.Resource) (twin spec.ID, is bool) {
	at, other := placesOf(r)
	rs := l.relations[r.ID().Kind]
	if rs == nil || other.Index == 0 {
		return twin, false
	}
	twin, is = rs.at[other]
	return twin, is && relationsOf(l.found.get(twin)).Other == at
}
