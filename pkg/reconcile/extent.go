package reconcile

import (
	"context"

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
func (e *Engine) ofOp(op *Op, ns string) extent {
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
			twin := e.want.Get(id)
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

// dirt is what has to be looked at: an extent of each kind, by namespace. A nil map of kinds is all of all.
type dirt map[string]map[string]extent

func (d dirt) all(ns string) { d[ns] = nil }

func (d dirt) mark(ns, kind string, x extent) {
	kinds, marked := d[ns]
	if marked && kinds == nil {
		return
	}
	if kinds == nil {
		kinds = map[string]extent{}
		d[ns] = kinds
	}
	if before, again := kinds[kind]; again {
		x = before.join(x)
	}
	kinds[kind] = x
}

// clean takes one scope away. Where all of a namespace is dirty, it stays so.
func (d dirt) clean(s scope) {
	kinds := d[s.ns]
	delete(kinds, s.kind)
	if kinds != nil && len(kinds) == 0 {
		delete(d, s.ns)
	}
}

// of is how much of a scope is dirty.
func (d dirt) of(ns, kind string) (x extent, dirty bool) {
	kinds, marked := d[ns]
	if marked && kinds == nil {
		return everything, true
	}
	x, dirty = kinds[kind]
	return x, dirty
}

// sighting is what was found in a scope, or, where links is not nil, of those of its links.
type sighting struct {
	scope scope
	found []spec.Resource
	links *extent
}

// see looks at an extent of a scope of which known is what was found before, where nil means nothing, and wanted what
// is wanted there.
func see(ctx context.Context, k *Registered, ns *observe.NS, x extent, known map[spec.ID]spec.Resource, wanted []spec.Resource) (sighting, error) {
	s := sighting{scope: scope{ns.Name, k.Name}}
	links, err := narrowed(k, ns, x, known)
	switch {
	case err != nil:
	case links != nil:
		s.found, err = k.observeLinks(ctx, ns, links)
		s.links = &x
	default:
		s.found, err = k.see(ctx, ns, wanted)
	}
	return s, err
}

// narrowed are the links of an extent, if it is enough to look at what belongs to them; nil if all has to be looked at.
func narrowed(k *Registered, ns *observe.NS, x extent, known map[spec.ID]spec.Resource) (*observe.Links, error) {
	if x.all || known == nil || !k.narrow() {
		return nil, nil
	}
	links, err := ns.Some(x.indexes, x.names)
	if err != nil || renamed(k, known, links) {
		return nil, err
	}
	return links, nil
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

// renamed tells whether one of the links had another name: then whatever refers to it by name has to be looked at, and
// the kernel does not announce that.
func renamed(k *Registered, known map[spec.ID]spec.Resource, links *observe.Links) bool {
	for _, r := range known {
		if name, index, _ := k.onLink(r); index != 0 {
			if l := links.ByIndex(index); l != nil && l.Name != name {
				return true
			}
		}
	}
	return false
}

// put makes what was sighted part of the picture, and of what was looked at.
func (p picture) put(k *Registered, s sighting, looked part) {
	if p[s.scope.ns] == nil {
		p[s.scope.ns] = map[string]map[spec.ID]spec.Resource{}
	}
	m := p[s.scope.ns][s.scope.kind]
	if s.links == nil || m == nil {
		m = make(map[spec.ID]spec.Resource, len(s.found))
		p[s.scope.ns][s.scope.kind] = m
		looked.scopes[s.scope] = true
	} else {
		for id, r := range m {
			if name, index, ok := k.onLink(r); ok && (s.links.names[name] || s.links.indexes[index]) {
				delete(m, id)
				looked.ids[id] = true
			}
		}
	}
	for _, r := range s.found {
		m[r.ID()] = r
		if s.links != nil {
			looked.ids[r.ID()] = true
		}
	}
}
