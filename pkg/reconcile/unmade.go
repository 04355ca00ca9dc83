package reconcile

import "linkd/pkg/spec"

// noteUnclear records that an op may have made a resource; the next look finds out.
func (c *Core) noteUnclear(op *Op) {
	if op.Verb != Create && op.Verb != Replace {
		return
	}
	c.found.unclear.add(op.ID())
	if twin, is := alsoMakes(op.Want); is {
		c.found.unclear.add(twin)
	}
}

// forgetUnmade drops the journal entries of resources that an op was about to make and that the first look afterwards
// does not find or finds made by others, and records the fingerprints of those that it finds: a resource that replaces one
// of them later is foreign. First: this is the first look at the scope, so it also decides about ops of the last run of linkd.
func (c *Core) forgetUnmade(s *observation, first bool) {
	if first {
		for id, e := range c.journal.In(s.scope) {
			if !e.Set && !e.Fetched && e.Print == "" {
				c.forgetIfUnmade(id)
			}
		}
	}
	for id := range c.found.unclear.in(s.scope) {
		if c.covers(s, id) {
			c.found.unclear.remove(id)
			c.forgetIfUnmade(id)
		}
	}
}

// covers reports whether a look would have found a resource.
func (c *Core) covers(s *observation, id spec.ID) bool {
	if s.ids != nil {
		return s.ids[id]
	}
	want := c.desired.set.Get(id)
	if s.links == nil || want == nil {
		return s.links == nil
	}
	name, _, _ := c.kinds.byName[id.Kind].onLink(want)
	return s.links.names[name]
}

func (c *Core) forgetIfUnmade(id spec.ID) {
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	if !remembered || e.Set || e.Fetched || e.Print != "" {
		return
	}
	have, kind := c.found.get(id), c.kinds.byName[id.Kind]
	if have == nil || !kind.Owned(have) && !kind.unfinished(have) {
		c.journal.Forget(id)
		return
	}
	e.Print, _ = kind.fingerprint(have)
	c.journal.Put(id, e)
}
