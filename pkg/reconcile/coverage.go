package reconcile

import (
	"maps"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// coverage is the part of a scope to look at: all of it, or the resources of a few links, which an event names by
// index and an op by name. A namespace may have a thousand ports of a bridge, and mostly one of them changes.
type coverage struct {
	all     bool
	indexes map[int]bool
	names   map[string]bool
	// ids are desired resources of a kind with Lookup.
	ids map[spec.ID]bool
}

// maxLinks is the number of links or resources above which a look at everything is cheaper.
const maxLinks = 16

var wholeScope = coverage{all: true}

// join returns the coverage of both x and other.
func (x coverage) join(other coverage) coverage {
	if x.all || other.all || x.size()+other.size() > maxLinks {
		return wholeScope
	}
	sum := coverage{indexes: map[int]bool{}, names: map[string]bool{}, ids: map[spec.ID]bool{}}
	for _, part := range []coverage{x, other} {
		for i := range part.indexes {
			sum.indexes[i] = true
		}
		for n := range part.names {
			sum.names[n] = true
		}
		maps.Copy(sum.ids, part.ids)
	}
	return sum
}

func (x coverage) size() int { return len(x.indexes) + len(x.names) + len(x.ids) }

// coverLinks returns the coverage of links by index; no index is the whole scope.
func coverLinks(indexes []int) coverage {
	if len(indexes) == 0 {
		return wholeScope
	}
	x := coverage{indexes: map[int]bool{}}
	for _, i := range indexes {
		x.indexes[i] = true
	}
	return x
}

// coverageOf returns the links of a kind that an op changes in a namespace: its own link, and those that are made or
// deleted together with it.
func (c *Core) coverageOf(op *Op, ns string) coverage {
	x := coverage{names: map[string]bool{}}
	for _, r := range []spec.Resource{op.Want, op.Have, op.source} {
		if r == nil {
			continue
		}
		twins := append([]spec.ID{r.ID()}, r.Needs()...)
		if made, is := alsoMakes(r); is {
			twins = append(twins, made)
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
		return wholeScope
	}
	return x
}

// observation is the result of a look at a scope, or at a few of its links.
type observation struct {
	scope scope
	found []spec.Resource
	links *coverage
	// names are the names of the links that exist, by index.
	names map[int]string
	// ids, unless it is nil, are the only resources that were looked at.
	ids map[spec.ID]bool
	// byKey are the resources in found, if links is nil.
	byKey *resources
	// memory is the cache for the next look.
	memory *Memory
}

// coveredLinks returns the links of a coverage; nil if everything must be looked at.
func coveredLinks(k *Registered, ns *observe.NS, x coverage, known bool) (*observe.Links, error) {
	if x.all || !known || !k.isByLink() {
		return nil, nil
	}
	return ns.Some(x.indexes, x.names)
}

// resourcesOn returns the resources that belong to the links of a coverage.
func resourcesOn(k *Registered, links *observe.Links, x coverage, resources []spec.Resource) (some []spec.Resource) {
	for _, r := range resources {
		if name, _, _ := k.onLink(r); x.names[name] || links.ByName(name) != nil {
			some = append(some, r)
		}
	}
	return some
}

// observe adds an observation to the observed state and marks the changes for comparison.
func (c *Core) observe(k *Registered, s *observation) {
	p, todo := c.found.observed, c.plan.todo
	before := p.in(s.scope)
	first := before == nil
	var now *resources
	rs, touched := c.found.relations[k.Name], map[spec.Place]bool{}
	if s.memory != nil {
		c.found.memories[s.scope] = s.memory
	}
	if s.ids != nil && first {
		// It is another namespace now, of which all has to be looked at.
		c.markScope(s.scope)
		return
	}
	if s.ids != nil {
		gone, now := c.observeSome(s, before)
		c.protect(s.scope, gone, now)
		c.forgetUnmade(s, first)
		return
	}
	delete(c.found.inPart, s.scope)
	if gone, fresh, ok := c.observeChanges(s, before); ok {
		c.protect(s.scope, gone, fresh)
		c.forgetUnmade(s, first)
		return
	}
	if s.links == nil || before == nil {
		now = s.all()
		if now.len() != len(s.found) {
			// Two resources have the same ID, and the cache cannot tell which of them is in the observed state.
			delete(c.found.memories, s.scope)
		}
		p.replace(s.scope, now)
		if !c.changed(k, s, before, todo) {
			todo.scopes[s.scope] = true
		}
		delete(c.found.onLinks, s.scope)
		c.noteChanges(s.scope, before, now)
		if rs != nil {
			rs.replace(before, now, touched)
		}
	} else {
		before, now = c.observeLinks(k, s, before, touched)
	}
	if rs != nil {
		for _, id := range rs.connect(p, touched) {
			todo.ids[id] = true
			c.found.losses.update(id)
			c.lookAtEnds(p.get(id))
		}
	}
	c.protect(s.scope, before, now)
	c.forgetUnmade(s, first)
}

// observeLinks does the same for an observation of a few links. It returns the resources that were there before and
// those that are there now. found are the observed resources of the scope.
func (c *Core) observeLinks(k *Registered, s *observation, found *resources, touched map[spec.Place]bool) (gone, now *resources) {
	gone, now = c.foundOn(k, s.scope, *s.links), &resources{}
	todo := c.plan.todo
	at := c.found.onLinks[s.scope]
	for key, r := range gone.all() {
		found.remove(key)
		todo.ids[s.scope.id(key)] = true
		if at != nil {
			at.remove(r)
		}
	}
	for _, r := range s.found {
		id := r.ID()
		if at != nil {
			if before := found.get(id.Key); before != nil {
				at.remove(before)
			}
			at.add(r)
		}
		now.put(id.Key, r)
		found.put(id.Key, r)
		todo.ids[id] = true
		if gone.get(id.Key) == nil {
			c.noteChange(id)
		}
	}
	for key := range gone.all() {
		if now.get(key) == nil {
			c.noteChange(s.scope.id(key))
		}
	}
	if rs := c.found.relations[k.Name]; rs != nil {
		rs.replace(gone, now, touched)
	}
	return gone, now
}

// all returns the resources of the observation by their keys. The worker calls it, because there may be many.
func (s *observation) all() *resources {
	if s.byKey == nil {
		s.byKey = newByKey[spec.Resource](len(s.found))
		for _, r := range s.found {
			s.byKey.put(r.ID().Key, r)
		}
	}
	return s.byKey
}

// noteChanges marks the resources for comparison that need something in a scope which appeared or disappeared.
func (c *Core) noteChanges(s scope, before, now *resources) {
	for _, id := range c.desired.index.needed(s) {
		if (before.get(id.Key) == nil) != (now.get(id.Key) == nil) {
			c.noteChange(id)
		}
	}
}
