package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// undeclared plans the end of what linkd made or set and no file asks for.
func (c *comparison) undeclared() {
	if c.part == nil {
		all := newPart()
		for ns, kinds := range c.found {
			for kind := range kinds {
				all.scopes[scope{ns, kind}] = true
			}
		}
		for _, s := range c.journal.Scopes() {
			all.scopes[s] = true
		}
		c.part = &all
	}
	for s := range c.part.scopes {
		for id, have := range c.found[s.ns][s.kind] {
			c.unmake(id, have)
		}
	}
	for id := range c.part.ids {
		if have := c.found.get(id); have != nil {
			c.unmake(id, have)
		}
	}
	// Settings come after, because they end with what they are settings of.
	for s := range c.part.scopes {
		for id, e := range c.journal.In(s) {
			c.unset(id, e)
		}
	}
	for id := range c.part.ids {
		if e, remembered := c.journal.Recall(id); remembered {
			c.unset(id, e)
		}
	}
	c.forgetReturned()
	c.forgetConfirmed()
}

func (c *comparison) unmake(id spec.ID, have spec.Resource) {
	kind := c.kinds[id.Kind]
	// What was found at an earlier look may be something else by now.
	if c.blind[scopeOf(id)] != nil || c.wanted(id) != nil || !c.owned(kind, have) {
		return
	}
	if c.ready != nil && !c.ready(have) {
		c.unready[id] = true
		return
	}
	if home, fetched := homeOf(have); fetched {
		if _, wanted := c.all.homes[home]; !wanted {
			c.sendHome(have, kind, home, putBackNote)
		}
		return
	}
	if slices.ContainsFunc(have.Needs(), func(need spec.ID) bool { return c.renamed[need] }) {
		// It goes on under the new name.
		return
	}
	if made := makes(have); made != "" {
		c.makers[made] = id
	}
	c.end(id, &Op{Verb: Delete, Have: have, kind: kind, onlyMarked: c.onlyMarked(have)})
}

func (c *comparison) end(id spec.ID, op *Op) {
	switch held, is := c.held(id); {
	case is && op.onlyMarked:
	case is:
		c.verdicts[id] = held
	default:
		c.ops[id] = op
	}
}
