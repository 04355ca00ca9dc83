package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// relations connects the observed resources of one kind that refer to each other across namespaces: the ends of a
// veth, an interface and its parent. After a look at one namespace, it updates the resources found there and those
// that refer to them.
type relations struct {
	kind *Registered
	at   map[spec.Place]spec.ID
	from map[spec.Place][]spec.ID // the resources that refer to a place
}

// placesOf returns the place of a resource in the kernel, and the place that it refers to.
func placesOf(r spec.Resource) (at, other spec.Place) {
	relations := r.Relations()
	return relations.At, relations.Other
}

func newRelations(k *Registered) *relations {
	return &relations{kind: k, at: map[spec.Place]spec.ID{}, from: map[spec.Place][]spec.ID{}}
}

// add adds an observed resource and notes its place in touched if something changed there. remove does the opposite.
func (rs *relations) add(r spec.Resource, touched map[spec.Place]bool) {
	at, other := placesOf(r)
	rs.at[at] = r.ID()
	touched[at] = true
	if other.Index != 0 {
		rs.from[other] = append(rs.from[other], r.ID())
	}
}

func (rs *relations) remove(r spec.Resource, touched map[spec.Place]bool) {
	at, other := placesOf(r)
	if rs.at[at] == r.ID() {
		delete(rs.at, at)
		touched[at] = true
	}
	if other.Index == 0 {
		return
	}
	if left := slices.DeleteFunc(rs.from[other], func(id spec.ID) bool { return id == r.ID() }); len(left) > 0 {
		rs.from[other] = left
	} else {
		delete(rs.from, other)
	}
}

// replace removes the resources that were observed before and adds those observed now.
func (rs *relations) replace(before, now *resources, touched map[spec.Place]bool) {
	for _, r := range before.all() {
		rs.remove(r, touched)
	}
	for _, r := range now.all() {
		rs.add(r, touched)
	}
}

// connect connects the resources at the touched places, and those that refer to them, with the resources that are
// there now. It returns the resources that changed.
func (rs *relations) connect(p observed, touched map[spec.Place]bool) (changed []spec.ID) {
	update := func(id spec.ID) {
		r := p.get(id)
		if r == nil {
			return
		}
		other := r.Relations().Other
		var there spec.Resource
		if id, is := rs.at[other]; is && other.Index != 0 {
			there = p.get(id)
		}
		if now := rs.kind.connect(r, there); now != r {
			p.set(now)
			changed = append(changed, id)
		}
	}
	for place := range touched {
		if id, is := rs.at[place]; is {
			update(id)
		}
		for _, id := range rs.from[place] {
			update(id)
		}
	}
	return changed
}

// Connect returns the resources connected with each other, as after looks at all of their namespaces.
func (r *Registered) Connect(found []spec.Resource) []spec.Resource {
	if !r.related() {
		return found
	}
	rs, p, touched := newRelations(r), observed{}, map[spec.Place]bool{}
	for _, f := range found {
		p.set(f)
		rs.add(f, touched)
	}
	rs.connect(p, touched)
	connected := make([]spec.Resource, len(found))
	for i, f := range found {
		connected[i] = p.get(f.ID())
	}
	return connected
}
