package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// A plan may be older than the observed state: somebody may have put something on a resource that an op of the plan
// deletes. So what was found since the plan is compared before such an op begins, even if other comparisons wait.

// outdated reports whether something was found since a task was planned that the task's op might delete.
func (c *Core) outdated(t *task) bool { return t.op.mayEnd() && c.plan.todo.covers(t.op.ID()) }

// dropEnds drops the tasks in a workset whose ops delete something, so that they are decided anew.
func (c *Core) dropEnds(todo workset) (dropped []*task) {
	for _, id := range slices.SortedFunc(c.plan.ends.of(todo), spec.ID.Compare) {
		dropped = c.drop(dropped, id)
	}
	return dropped
}

// protect has linkd decide again about tasks that delete something. It does so if a resource is new, or depends on another one
// now, and the task would delete it.
func (c *Core) protect(s scope, before, now *resources) {
	c.found.losses.updateAll(s, before, now)
	if len(c.plan.tasks) == 0 {
		return
	}
	for key := range now.all() {
		old, r := before.get(key), c.found.get(s.id(key))
		if old == nil || !slices.Equal(old.Relations().StandsOn, r.Relations().StandsOn) {
			c.lookAtEnds(r)
		}
	}
}

// lookAtEnds marks the tasks for a new decision that would delete r.
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

// basesOf returns the resources whose deletion deletes r: those it depends on, the other ends of these, and the maker
// of its namespace.
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

// completeness returns a function that reports whether a namespace has been looked at completely, as an op that
// deletes something there requires. If not, it makes the stale scopes dirty, and the op's ID waits for that look.
func (c *Core) completeness() func(id spec.ID, at affectedNS) bool {
	refreshed := map[string]*lane{}
	return func(id spec.ID, at affectedNS) bool {
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
				// A namespace can be deleted depending on everything in it.
				waitsFor = l
			}
		}
		if waitsFor != nil {
			waitsFor.waiting.ids[id] = true
		}
		return waitsFor == nil
	}
}

// refresh makes the stale scopes of a namespace dirty, and returns a lane that must be looked at; nil if there is
// none.
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
