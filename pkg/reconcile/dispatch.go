package reconcile

import (
	"slices"

	"linkd/pkg/spec"
)

// dispatchOps begins the ops that can be.
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

// nextOps is a request with the ops that come next in a lane, as many as concern the same lanes; nil where there are none
// that can be carried out now. What waits only for others of the request comes after them.
func (c *Core) nextOps(l *lane) *Request {
	first := c.pop(l)
	if first == nil {
		return nil
	}
	r := &Request{NS: l.domain.name, lanes: first.lanes}
	at := map[*task]int{}
	var then taskHeap // what can be done once the request is done so far
	for t := first; t != nil; {
		if t.state == taskReady {
			t.count(-1)
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
		job.at = t.at
		for _, first := range r.tasks[:at[t]] {
			if slices.Contains(first.next, t) && c.buildsOn(t.op, first.op) {
				job.after = append(job.after, at[first])
			}
		}
		r.Ops = append(r.Ops, job)
	}
	return r
}

// inRequest is how many of some tasks a task waits for.
func inRequest(t *task, tasks []*task) (n int) {
	for _, first := range tasks {
		if slices.Contains(first.next, t) {
			n++
		}
	}
	return n
}

// peek is the best task in a lane's heap that can be carried out now; nil if there is none. What waits for another lane
// goes there.
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
			t.count(-1)
			busy.blocked = append(busy.blocked, t)
		}
		l.tasks.pop(c.kinds.rank)
	}
	return nil
}

func (c *Core) pop(l *lane) *task {
	t := c.peek(l)
	if t != nil {
		l.tasks.pop(c.kinds.rank)
	}
	return t
}

func (t *task) busyLane() *lane {
	for _, l := range t.lanes {
		if l.request != nil {
			return l
		}
	}
	return nil
}

// free notes that nothing is outstanding in a lane any more.
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

// job is an op with what has to be known to carry it out.
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
