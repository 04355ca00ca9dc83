package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// onLinks finds the resources of one scope by the link that they belong to, by its name and by its index.
type onLinks struct {
	kind    *Registered
	byName  map[string][]spec.ID
	byIndex map[int][]spec.ID
}

// mostSearched is the number of resources from which on a scope has its onLinks kept.
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

// foundOn are the found resources of a scope that belong to the links of an extent.
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

// renamed tells whether one of the links that were looked at had another name: then whatever refers to it by name has to
// be looked at, and the kernel does not announce that.
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
