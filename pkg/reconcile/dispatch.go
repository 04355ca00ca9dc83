package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// dispatchOps begins the ops that are ready and have a free slot.
func (c *Core) dispatchOps(out []*Request) []*Request {
	ready := c.plan.ready
	c.plan.ready = nil
	for _, l := range ready {
		free := c.plan.freeFor(l)
		switch {
		case l.request != nil:
		case free.prompt <= 0:
			c.plan.ready = append(c.plan.ready, l)
		default:
			if r := c.nextOps(l); r != nil {
				free.prompt--
				out = append(out, c.begin(r))
			}
		}
	}
	return out
}

// nextOps returns a request with the next ops of a lane that need the same lanes, at most mostOps; nil if there is
// none that can begin now. An op that waits only for other ops of the request comes after them.
func (c *Core) nextOps(l *lane) *Request {
	first := c.pop(l)
	if first == nil {
		return nil
	}
	r := &Request{NS: l.domain.name, lanes: first.lanes}
	at := map[*task]int{}
	var then taskHeap // can begin once the tasks in the request are done
	for t := first; t != nil; {
		if t.state == taskReady {
			c.plan.count(t, -1)
		}
		t.state = taskRuns
		at[t] = len(r.tasks)
		r.tasks = append(r.tasks, t)
		for _, next := range t.next {
			if next.state == taskWaits && !c.outdated(next) && slices.Equal(next.lanes, r.lanes) && next.waits == inRequest(next, r.tasks) {
				then.push(next, c.kinds.rank)
			}
		}
		t = nil
		if len(r.tasks) >= mostOps {
			break
		}
		ready := c.peek(l)
		if ready != nil && !slices.Equal(ready.lanes, r.lanes) {
			ready = nil
		}
		switch {
		case len(then) > 0 && (ready == nil || then[0].before(ready, c.kinds.rank)):
			t = then.pop(c.kinds.rank)
		case ready != nil:
			t = c.pop(l)
		}
	}
	for _, t := range r.tasks {
		job := c.job(t.op)
		job.at, job.since = t.at, t.since
		for _, first := range r.tasks[:at[t]] {
			if slices.Contains(first.next, t) && c.buildsOn(t.op, first.op) {
				job.after = append(job.after, at[first])
			}
		}
		r.Ops = append(r.Ops, job)
	}
	return r
}

// inRequest returns how many of the given tasks t waits for.
func inRequest(t *task, tasks []*task) (n int) {
	for _, first := range tasks {
		if slices.Contains(first.next, t) {
			n++
		}
	}
	return n
}

// peek returns the first task in a lane's heap that can begin now, or nil. It moves a task that waits for another
// lane to that lane.
func (c *Core) peek(l *lane) *task {
	for len(l.tasks) > 0 {
		t := l.tasks[0]
		if t.state == taskReady && c.outdated(t) {
			l.tasks.pop(c.kinds.rank)
			c.plan.todo.ids[t.op.ID()] = true
			c.releaseNext(c.drop(nil, t.op.ID()))
			continue
		}
		if t.state == taskReady && !t.blocked {
			busy := t.busyLane()
			if busy == nil {
				return t
			}
			t.blocked = true
			c.plan.count(t, -1)
			busy.blocked = append(busy.blocked, t)
		}
		l.tasks.pop(c.kinds.rank)
	}
	return nil
}

// pop removes and returns the task that peek returns.
func (c *Core) pop(l *lane) *task {
	t := c.peek(l)
	if t != nil {
		l.tasks.pop(c.kinds.rank)
	}
	return t
}

// busyLane returns a lane of the task that has an outstanding request, or nil.
func (t *task) busyLane() *lane {
	for _, l := range t.lanes {
		if l.request != nil {
			return l
		}
	}
	return nil
}

// free records that a lane has no outstanding request any more.
func (c *Core) free(l *lane) {
	l.request = nil
	for _, t := range l.blocked {
		if t.blocked && t.state == taskReady {
			t.blocked = false
			t.state = taskWaits
			c.makeReady(t)
		}
	}
	l.blocked = nil
	if len(l.tasks) > 0 {
		c.plan.ready = append(c.plan.ready, l)
	}
	if len(l.dirty) > 0 {
		c.plan.wantLook(l)
	}
}

// job returns an op together with the data that a worker needs to carry it out.
func (c *Core) job(op *Op) *Job {
	job := &Job{Op: op, Selectors: map[string]spec.Selector{}}
	names := []string{op.ID().NS, makes(op.Want)}
	if origin, fetched := fetchedFrom(op.Want); fetched {
		names = append(names, origin.NS)
	}
	for _, name := range names {
		if d, declared := c.desired.declared[name]; declared {
			job.Selectors[name] = d.Selector
		}
	}
	if twin, is := alsoMakes(op.Want); is && (op.Verb == Create || op.Verb == Replace) {
		if have := c.found.get(twin); have == nil || op.kind.Owned(have) {
			job.Twins = append(job.Twins, twin)
		}
	}
	return job
}
