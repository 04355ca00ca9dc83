package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// onLinks indexes the resources of one scope by the name and the index of their link.
type onLinks struct {
	kind    *Registered
	byName  map[string][]spec.ID
	byIndex map[int][]spec.ID
}

// mostSearched is the number of resources from which a scope has an index.
const mostSearched = 64

func newOnLinks(k *Registered, found *resources) *onLinks {
	at := &onLinks{kind: k, byName: make(map[string][]spec.ID, found.len()), byIndex: make(map[int][]spec.ID, found.len())}
	for _, r := range found.all() {
		at.add(r)
	}
	return at
}

func (at *onLinks) add(r spec.Resource) {
	name, index, _ := at.kind.onLink(r)
	at.byName[name] = append(at.byName[name], r.ID())
	at.byIndex[index] = append(at.byIndex[index], r.ID())
}

func (at *onLinks) remove(r spec.Resource) {
	name, index, _ := at.kind.onLink(r)
	removeID(at.byName, name, r.ID())
	removeID(at.byIndex, index, r.ID())
}

func removeID[K comparable](from map[K][]spec.ID, key K, id spec.ID) {
	if left := slices.DeleteFunc(from[key], func(other spec.ID) bool { return other == id }); len(left) > 0 {
		from[key] = left
	} else {
		delete(from, key)
	}
}

// foundOn returns the observed resources of a scope on the links of a coverage.
func (c *Core) foundOn(k *Registered, s scope, x coverage) *resources {
	known, on := c.found.in(s), &resources{}
	if known.len() < mostSearched {
		for key, r := range known.all() {
			if name, index, _ := k.onLink(r); x.names[name] || x.indexes[index] {
				on.put(key, r)
			}
		}
		return on
	}
	at := c.found.onLinks[s]
	if at == nil {
		at = newOnLinks(k, known)
		c.found.onLinks[s] = at
	}
	note := func(ids []spec.ID) {
		for _, id := range ids {
			on.put(id.Key, known.get(id.Key))
		}
	}
	for name := range x.names {
		note(at.byName[name])
	}
	for index := range x.indexes {
		note(at.byIndex[index])
	}
	return on
}

// renamed reports whether one of the links that were looked at has a new name. Then resources that refer to it by
// name must be looked at, because the kernel sends no event about them.
func (c *Core) renamed(k *Registered, s *observation) bool {
	if s.links == nil {
		return false
	}
	x := coverage{indexes: make(map[int]bool, len(s.names))}
	for index := range s.names {
		x.indexes[index] = true
	}
	for _, r := range c.foundOn(k, s.scope, x).all() {
		if name, index, _ := k.onLink(r); index != 0 && s.names[index] != name {
			return true
		}
	}
	return false
}
