package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// planRemovals plans to delete or restore what linkd made or set and no file declares.
func (c *comparison) planRemovals() {
	if c.workset == nil {
		all := newWorkset()
		for ns, kinds := range c.found {
			for kind := range kinds {
				all.scopes[scope{ns, kind}] = true
			}
		}
		for _, s := range c.journal.Scopes() {
			all.scopes[s] = true
		}
		c.workset = &all
	}
	for s := range c.workset.scopes {
		c.planDeletes(s)
	}
	for id := range c.workset.ids {
		if have := c.found.get(id); have != nil {
			c.planDelete(id, have)
		}
	}
	// Settings come second, because they end with their resources.
	for s := range c.workset.scopes {
		for id, e := range c.journal.In(s) {
			c.planRestore(id, e)
		}
	}
	for id := range c.workset.ids {
		if e, remembered := c.journal.Recall(id); remembered {
			c.planRestore(id, e)
		}
	}
	c.restoreSettingsFirst()
	c.forgetReturned()
	c.forgetConfirmed()
	c.forgetRenamed()
}

// maxMarkedDeletes is how many resources of a scope are deleted at a time because of a mark alone. The root user of a
// namespace can make any number of them. The next look finds the rest, and other ops come in between.
const maxMarkedDeletes = 2048

// planDeletes plans to delete the resources of a scope that are not desired.
func (c *comparison) planDeletes(s scope) {
	marked := 0
	for key, have := range c.found.in(s).all() {
		id := s.id(key)
		if marked == maxMarkedDeletes {
			break
		}
		if op := c.planDelete(id, have); op != nil && op.onlyMarked && !c.kinds[s.kind].Programs {
			marked++
		}
	}
	if marked < maxMarkedDeletes {
		return
	}
	for id := range c.journal.In(s) {
		if have := c.found.get(id); have != nil {
			c.planDelete(id, have)
		}
	}
}

// planDelete plans to delete a resource that linkd made and no file declares. It returns the op, if any.
func (c *comparison) planDelete(id spec.ID, have spec.Resource) *Op {
	kind := c.kinds[id.Kind]
	// If the last look failed, the resource may be another one by now.
	if c.lookErrors[scopeOf(id)] != nil || c.wanted(id) != nil || !c.owned(kind, have) {
		return nil
	}
	if c.isSetHere(id, have, kind) {
		return nil
	}
	if c.ready != nil && !c.ready(have) {
		c.unready[id] = true
		return nil
	}
	c.rememberRenamed(have)
	if c.isLeft(id) {
		c.leave(id, have, kind)
		return nil
	}
	if origin, fetched := fetchedFrom(have); fetched {
		if _, wanted := c.all.takers[origin]; !wanted {
			c.planReturn(have, kind, origin, putBackNote)
		}
		return nil
	}
	if slices.ContainsFunc(have.Needs(), func(need spec.ID) bool { return c.renamed[need] }) {
		// The setting keeps its resource, which gets a new name.
		return nil
	}
	if made := makes(have); made != "" {
		c.makers[made] = id
	}
	c.planEnd(id, &Op{Verb: Delete, Have: have, kind: kind, onlyMarked: c.onlyMarked(have)})
	return c.ops[id]
}

// isSetHere reports whether a resource with linkd's mark is a setting, as linkd wrote it. The mark does not say what it has taken the
// place of; planRestore does. A fetched resource returns, and its settings with it.
func (c *comparison) isSetHere(id spec.ID, have spec.Resource, kind *Registered) bool {
	if _, fetched := fetchedFrom(have); fetched {
		return false
	}
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	if !remembered || !e.Set {
		return false
	}
	_, some := c.stillOurs(kind, have, e)
	return some
}

// planEnd adds an op that may delete something, unless the resource is held back.
func (c *comparison) planEnd(id spec.ID, op *Op) {
	switch held, is := c.held(id); {
	case is && op.onlyMarked:
	case is:
		c.verdicts[id] = held
	default:
		c.ops[id] = op
	}
}
