package reconcile

import "linkd/pkg/spec"

// noteUnclear notes an op that may have made something: the next look tells.
func (c *Core) noteUnclear(op *Op) {
	if op.Verb != Create && op.Verb != Replace {
		return
	}
	c.found.unclear.add(op.ID())
	if twin, is := alsoMakes(op.Want); is {
		c.found.unclear.add(twin)
	}
}

// forgetUnmade forgets, at the first look after it was to be made, what was not made after all, and notes the fingerprint of
// what was made: what others put in its place from now on is theirs. First: nothing of the scope was found before, so this is
// also the first look at what the last run of linkd was to make.
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

// covers tells whether a look would have found a resource.
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
	have := c.found.get(id)
	if have == nil {
		c.journal.Forget(id)
		return
	}
	e.Print, _ = c.kinds.byName[id.Kind].fingerprint(have)
	c.journal.Put(id, e)
}
