package reconcile

import (
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// extent is how much of a scope has to be looked at: all of it, or what belongs to a few links, which news names by
// index and an op by name. A bridge of a thousand ports has as many links in one namespace, and mostly one changes.
type extent struct {
	all     bool
	indexes map[int]bool
	names   map[string]bool
}

// narrowest is the number of links from which on it is cheaper to look at all.
const narrowest = 16

var everything = extent{all: true}

func (x extent) join(other extent) extent {
	if x.all || other.all || len(x.indexes)+len(x.names)+len(other.indexes)+len(other.names) > narrowest {
		return everything
	}
	sum := extent{indexes: map[int]bool{}, names: map[string]bool{}}
	for _, part := range []extent{x, other} {
		for i := range part.indexes {
			sum.indexes[i] = true
		}
		for n := range part.names {
			sum.names[n] = true
		}
	}
	return sum
}

func ofLinks(indexes []int) extent {
	if len(indexes) == 0 {
		return everything
	}
	x := extent{indexes: map[int]bool{}}
	for _, i := range indexes {
		x.indexes[i] = true
	}
	return x
}

// ofOp is what an op of a kind that is looked at by link changes in a namespace: its own link, and what comes into
// being or goes with that.
func (c *Core) ofOp(op *Op, ns string) extent {
	x := extent{names: map[string]bool{}}
	for _, r := range []spec.Resource{op.Want, op.Have, op.source} {
		if r == nil {
			continue
		}
		twins := append([]spec.ID{r.ID()}, r.Needs()...)
		if maker, is := r.(AlsoMaker); is {
			twins = append(twins, maker.AlsoMakes()...)
		}
		for _, id := range twins {
			twin := c.desired.set.Get(id)
			if id == r.ID() {
				twin = r
			}
			if twin == nil || id.NS != ns || id.Kind != r.ID().Kind {
				continue
			}
			if name, _, ok := op.kind.onLink(twin); ok {
				x.names[name] = true
			}
		}
	}
	if len(x.names) == 0 {
		return everything
	}
	return x
}

// sighting is what was found in a scope, or, where links is not nil, of those of its links.
type sighting struct {
	scope scope
	found []spec.Resource
	links *extent
	// names are those of the links that were there, by index.
	names map[int]string
}

// narrowed are the links of an extent, if it is enough to look at what belongs to them; nil if all has to be looked at.
func narrowed(k *Registered, ns *observe.NS, x extent, known bool) (*observe.Links, error) {
	if x.all || !known || !k.narrow() {
		return nil, nil
	}
	return ns.Some(x.indexes, x.names)
}

// on are the resources that belong to the links of an extent.
func on(k *Registered, links *observe.Links, x extent, resources []spec.Resource) (some []spec.Resource) {
	for _, r := range resources {
		if name, _, _ := k.onLink(r); x.names[name] || links.ByName(name) != nil {
			some = append(some, r)
		}
	}
	return some
}

// put makes what was sighted part of the picture, and has it compared.
func (c *Core) put(k *Registered, s *sighting) {
	p, todo := c.found.picture, c.plan.todo
	if p[s.scope.ns] == nil {
		p[s.scope.ns] = map[string]map[spec.ID]spec.Resource{}
	}
	before := p[s.scope.ns][s.scope.kind]
	rs, touched := c.found.relations[k.Name], map[Place]bool{}
	var gone map[spec.ID]spec.Resource
	now := before
	if s.links == nil || before == nil {
		gone, now = before, make(map[spec.ID]spec.Resource, len(s.found))
		p[s.scope.ns][s.scope.kind] = now
		if !c.changed(s, before, todo) {
			todo.scopes[s.scope] = true
		}
		delete(c.found.onLinks, s.scope)
	} else {
		gone = c.foundOn(k, s.scope, *s.links)
		for id := range gone {
			delete(now, id)
			todo.ids[id] = true
		}
	}
	at := c.found.onLinks[s.scope]
	if at != nil {
		for _, r := range gone {
			at.remove(r)
		}
	}
	if rs != nil {
		for _, r := range gone {
			rs.remove(r, touched)
		}
	}
	for _, r := range s.found {
		id := r.ID()
		if at != nil {
			if before := now[id]; before != nil {
				at.remove(before)
			}
			at.add(r)
		}
		now[id] = r
		if s.links != nil {
			todo.ids[id] = true
		}
		if rs != nil {
			rs.add(r, touched)
		}
		if gone[id] == nil {
			c.noteChange(id)
		}
	}
	for id := range gone {
		if now[id] == nil {
			c.noteChange(id)
		}
	}
	if rs != nil {
		for _, id := range rs.connect(p, touched) {
			todo.ids[id] = true
		}
	}
}
