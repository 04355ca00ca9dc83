package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// enqueue makes a task of each op of a plan. A task waits for the tasks that come before it.
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
			// Its result may change what is needed.
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

// holdUp makes other wait for t.
func (t *task) holdUp(other *task) {
	if !slices.Contains(t.next, other) {
		t.next = append(t.next, other)
		other.firsts = append(other.firsts, t)
		other.waits++
	}
}

// holdUp orders a new task among those of earlier plans: it waits for the tasks that make what it needs, and later
// deletes wait for it.
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
		// A namespace is deleted after everything that is done in it.
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

// makeReady puts a task into the heap of its queue lane.
func (c *Core) makeReady(t *task) {
	t.state = taskReady
	if len(t.lanes) == 0 {
		return
	}
	c.plan.count(t, 1)
	origin := t.queueLane()
	origin.tasks.push(t, c.kinds.rank)
	c.plan.ready = append(c.plan.ready, origin)
}

// unready makes a ready task wait again.
func (c *Core) unready(t *task) {
	if t.state != taskReady {
		return
	}
	t.state = taskWaits
	if !t.blocked {
		c.plan.count(t, -1)
	}
	t.blocked = false
}

// drop removes the task about a resource, unless it is running, because the resource is decided anew.
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
	c.noteDropped(t.op)
	return append(dropped, t)
}

// releaseNext makes the tasks that waited for dropped ones wait for the tasks that replace these. Without a
// replacement the waiting task is dropped and decided anew, too.
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
				c.countDown(next)
			default:
				c.countDown(next)
			}
		}
	}
}

// comesAfter reports whether t waits for first, directly or through others.
func (t *task) comesAfter(first *task) bool {
	for _, next := range first.next {
		if next == t || t.comesAfter(next) {
			return true
		}
	}
	return false
}

// cancelAll drops all tasks that are not running, because the desired state has changed.
func (c *Core) cancelAll() {
	c.plan.epoch++
	clear(c.plan.failures)
	clear(c.plan.judgedEarly)
	var dropped []*task
	for _, id := range inOrder(c.plan.tasks, spec.ID.Compare) {
		dropped = c.drop(dropped, id)
	}
	c.releaseNext(dropped)
}

// over removes a task from the plan.
func (c *Core) over(t *task) {
	t.state = taskOver
	if c.plan.tasks[t.op.ID()] == t {
		c.plan.ends.remove(t.op.ID())
		delete(c.plan.tasks, t.op.ID())
		c.plan.tasks = trimmed(c.plan.tasks, &c.plan.mostTasks)
	}
}

// countDown records that one of the tasks that t waits for is over.
func (c *Core) countDown(t *task) {
	if t.waits--; t.waits == 0 && t.state == taskWaits {
		c.makeReady(t)
	}
}
