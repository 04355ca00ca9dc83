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

func newOnLinks(k *Registered, found map[spec.ID]spec.Resource) *onLinks {
	at := &onLinks{kind: k, byName: make(map[string][]spec.ID, len(found)), byIndex: make(map[int][]spec.ID, len(found))}
	for _, r := range found {
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
func (c *Core) foundOn(k *Registered, s scope, x coverage) map[spec.ID]spec.Resource {
	known, on := c.found.observed[s.ns][s.kind], map[spec.ID]spec.Resource{}
	if len(known) < mostSearched {
		for id, r := range known {
			if name, index, _ := k.onLink(r); x.names[name] || x.indexes[index] {
				on[id] = r
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
			on[id] = known[id]
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
	for _, r := range c.foundOn(k, s.scope, x) {
		if name, index, _ := k.onLink(r); index != 0 && s.names[index] != name {
			return true
		}
	}
	return false
}
