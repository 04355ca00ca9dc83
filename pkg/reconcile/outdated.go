package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// A plan may be older than what is known: between it and an op, somebody may have put something on what the op ends. What
// was found since is compared before the op is carried out, however long other comparisons are waited for.

// outdated tells whether something was found since a task was planned that may have to be spared.
func (c *Core) outdated(t *task) bool { return t.op.mayEnd() && c.plan.todo.covers(t.op.ID()) }

// dropEnds drops the tasks of a part that would end something: whether they may is decided anew.
func (c *Core) dropEnds(todo workset) (dropped []*task) {
	for _, id := range slices.SortedFunc(c.plan.ends.of(todo), spec.ID.Compare) {
		dropped = c.drop(dropped, id)
	}
	return dropped
}

// protect has the ends decided anew that would take with them what came to be there, or to stand on something else.
func (c *Core) protect(before, now map[spec.ID]spec.Resource) {
	if len(c.plan.tasks) == 0 {
		return
	}
	for id := range now {
		old, r := before[id], c.found.get(id)
		if old == nil || !slices.Equal(old.Relations().StandsOn, r.Relations().StandsOn) {
			c.lookAtEnds(r)
		}
	}
}

// lookAtEnds has the ends decided anew that would take a resource with them.
func (c *Core) lookAtEnds(r spec.Resource) {
	if len(c.plan.tasks) == 0 {
		return
	}
	bases := map[spec.ID]bool{}
	for on := []spec.Resource{r}; len(on) > 0; on = on[1:] {
		for _, base := range c.basesOf(on[0]) {
			if bases[base] {
				continue
			}
			bases[base] = true
			if found := c.found.get(base); found != nil {
				on = append(on, found)
			}
		}
	}
	for base := range bases {
		for _, id := range []spec.ID{base, c.desired.index.takers[base]} {
			if t := c.plan.tasks[id]; t != nil && t.op.mayEnd() {
				c.plan.todo.ids[id] = true
			}
		}
	}
}

// basesOf are what a found resource is lost with: what it stands on, the other ends of that, and what makes its namespace.
func (c *Core) basesOf(r spec.Resource) (bases []spec.ID) {
	relations := r.Relations()
	for _, base := range relations.StandsOn {
		bases = append(bases, base)
		if rs := c.found.relations[base.Kind]; rs != nil {
			if other := relationsOf(c.found.get(base)).Other; other.Index != 0 {
				bases = append(bases, rs.at[other])
			}
		}
	}
	if maker, made := c.journal.MakerOf(r.ID().NS); made && relations.EndsWithNamespace {
		bases = append(bases, maker)
	}
	return bases
}

// surveyor has what is stale looked at where something is about to end, as others may have something on it, and what ends
// wait for that.
func (c *Core) surveyor() func(id spec.ID, at lookout) bool {
	refreshed := map[string]*lane{}
	return func(id spec.ID, at lookout) bool {
		d := c.domains[at.ns]
		if d == nil {
			return true
		}
		waitsFor, known := refreshed[at.ns]
		if !known {
			waitsFor = c.refresh(d)
			refreshed[at.ns] = waitsFor
		}
		for _, l := range d.lanes {
			if waitsFor == nil && at.ends && !l.clean() {
				// Whether a namespace can go depends on all that is in it.
				waitsFor = l
			}
		}
		if waitsFor != nil {
			waitsFor.waiting.ids[id] = true
		}
		return waitsFor == nil
	}
}

// refresh makes dirty what is stale in a namespace, and returns a lane that has to be looked at for that; nil where all is
// known.
func (c *Core) refresh(d *domain) (waitsFor *lane) {
	for i := range c.kinds.list {
		k := &c.kinds.list[i]
		if s := (scope{d.name, k.Name}); c.found.stale[s] {
			delete(c.found.stale, s)
			c.mark(d, k, wholeScope)
			if l := d.lane(k); !l.clean() {
				waitsFor = l
			}
		}
	}
	return waitsFor
}
