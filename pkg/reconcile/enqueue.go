package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// enqueue makes ops of a plan tasks: each waits for those that come before it.
func (c *Core) enqueue(ops Plan) {
	if c.plan.dryRun {
		c.plan.dry = append(c.plan.dry, ops...)
		return
	}
	var dropped []*task
	made := make(map[*Op]*task, len(ops))
	for place, op := range ops {
		id := op.ID()
		if c.changes[id] >= mostTries {
			c.fail(op, errNoEffect(op))
			continue
		}
		if old := c.plan.tasks[id]; old != nil && old.state == taskRuns {
			// What comes of it is not known yet.
			continue
		}
		t := &task{op: op, place: place, since: c.Now, epoch: c.plan.epoch}
		for _, ns := range op.namespaces() {
			if d := c.domains[ns]; d != nil {
				t.lanes = append(t.lanes, d.lane(op.kind))
				t.at = append(t.at, located{ns, d.location.Identity})
			}
		}
		for _, first := range op.after {
			if f := made[first]; f != nil {
				f.holdUp(t)
			}
		}
		c.holdUp(t)
		made[op] = t
		if old := c.plan.tasks[id]; old != nil {
			dropped = c.drop(dropped, id)
		}
		c.plan.tasks[id] = t
		if t.op.mayEnd() {
			c.plan.ends.add(id)
		}
	}
	for _, op := range ops {
		if t := made[op]; t != nil && t.waits == 0 {
			c.makeReady(t)
		}
	}
	c.releaseNext(dropped)
}

func (t *task) holdUp(other *task) {
	if !slices.Contains(t.next, other) {
		t.next = append(t.next, other)
		other.firsts = append(other.firsts, t)
		other.waits++
	}
}

// holdUp has a task wait for those of earlier plans that come before it, and those that come after it wait for it.
func (c *Core) holdUp(t *task) {
	if t.op.Want != nil {
		for _, need := range c.needs(t.op.Want) {
			if first := c.plan.tasks[need]; first != nil && first.op.Verb != Delete && !slices.Contains(first.next, t) && !first.op.waitsFor(t.op, c.needs) {
				first.holdUp(t)
			}
		}
		for _, id := range relationsOf(t.op.Want).After {
			if first := c.plan.tasks[id]; first != nil && t.op.waitsFor(first.op, c.needs) && !first.comesAfter(t) {
				first.holdUp(t)
			}
		}
	}
	if t.op.Verb != Delete {
		return
	}
	if ns := makes(t.op.Have); ns != "" {
		// A namespace ends after all that is done in it.
		for _, first := range c.plan.tasks {
			if first.op != t.op && slices.Contains(first.op.namespaces(), ns) && !first.comesAfter(t) {
				first.holdUp(t)
			}
		}
	}
	for _, need := range t.op.Have.Needs() {
		later := c.plan.tasks[need]
		if later == nil || later.state > taskReady || later.op.Verb != Delete && later.op.Verb != Replace {
			continue
		}
		c.unready(later)
		t.holdUp(later)
	}
}

// makeReady puts a task where it is taken from once its lanes are free.
func (c *Core) makeReady(t *task) {
	t.state = taskReady
	if len(t.lanes) == 0 {
		return
	}
	t.count(1)
	origin := t.queueLane()
	origin.tasks.push(t, c.kinds.rank)
	c.plan.ready = append(c.plan.ready, origin)
}

// unready takes a task back that was ready.
func (c *Core) unready(t *task) {
	if t.state != taskReady {
		return
	}
	t.state = taskWaits
	if !t.blocked {
		t.count(-1)
	}
	t.blocked = false
}

// drop drops the task about a resource, unless it has begun: what is to be done is being decided anew.
func (c *Core) drop(dropped []*task, id spec.ID) []*task {
	if c.plan.dryRun {
		c.plan.dry = slices.DeleteFunc(c.plan.dry, func(op *Op) bool { return op.ID() == id })
	}
	t := c.plan.tasks[id]
	if t == nil || t.state == taskRuns {
		return dropped
	}
	c.unready(t)
	c.over(t)
	return append(dropped, t)
}

// releaseNext has what waited for dropped tasks wait for those that have taken their places. Where none has, what waited is
// decided anew, too.
func (c *Core) releaseNext(dropped []*task) {
	for len(dropped) > 0 {
		t := dropped[0]
		dropped = dropped[1:]
		now := c.plan.tasks[t.op.ID()]
		for _, next := range t.next {
			switch {
			case next.state == taskOver || next == now:
			case now == nil:
				dropped = c.drop(dropped, next.op.ID())
				c.plan.todo.ids[next.op.ID()] = true
			case !now.comesAfter(next):
				now.holdUp(next)
				c.release(next)
			default:
				c.release(next)
			}
		}
	}
}

// comesAfter tells whether a task waits for another.
func (t *task) comesAfter(first *task) bool {
	for _, next := range first.next {
		if next == t || t.comesAfter(next) {
			return true
		}
	}
	return false
}

// cancelAll drops what has not begun: other things are wanted now.
func (c *Core) cancelAll() {
	c.plan.epoch++
	clear(c.plan.failures)
	clear(c.plan.hasty)
	var dropped []*task
	for _, id := range inOrder(c.plan.tasks, spec.ID.Compare) {
		dropped = c.drop(dropped, id)
	}
	c.releaseNext(dropped)
}

func (c *Core) over(t *task) {
	t.state = taskOver
	if c.plan.tasks[t.op.ID()] == t {
		c.plan.ends.remove(t.op.ID())
		delete(c.plan.tasks, t.op.ID())
	}
}

// release notes that one of the tasks that t waits for is over.
func (c *Core) release(t *task) {
	if t.waits--; t.waits == 0 && t.state == taskWaits {
		c.makeReady(t)
	}
}
