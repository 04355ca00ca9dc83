package reconcile

import "time"

// mostRechecked is the number of resources up to which recheck runs.
const mostRechecked = 64

// recheck compares once more what is not as desired after all other work, because its reason may have changed.
func (c *Core) recheck() bool {
	if c.rechecked || c.plan.dryRun || !c.plan.todo.empty() || len(c.plan.requests) > 0 || c.notOK.n > mostRechecked {
		return false
	}
	c.rechecked = true
	for id := range c.notOK.all() {
		c.plan.todo.ids[id] = true
	}
	return c.notOK.n > 0
}

// wake starts what is due at c.Now.
func (c *Core) wake() {
	for _, r := range c.plan.requests {
		if !r.late && c.plan.patience > 0 && !c.Now.Before(c.plan.lateAt(r)) {
			c.markLate(r)
		}
	}
	for _, l := range inOrder(c.plan.retries, (*lane).compare) {
		if c.Now.Before(c.plan.retries[l]) {
			continue
		}
		delete(c.plan.retries, l)
		if l.domain.missing != nil {
			c.markAll(l.domain)
			continue
		}
		for _, s := range inOrder(c.found.lookErrors, scope.compare) {
			if s.ns == l.domain.name && c.laneOf(s) == l {
				c.markScope(s)
			}
		}
	}
	for _, l := range inOrder(c.plan.resting, (*lane).compare) {
		if !c.Now.Before(l.rest) {
			delete(c.plan.resting, l)
			if len(l.dirty) > 0 {
				c.plan.wantLook(l)
			}
		}
	}
	c.wakeUnannounced()
	for id, t := range c.postponed {
		switch {
		case c.attempts[id] != t:
			delete(c.postponed, id)
		case !c.Now.Before(t.until):
			t.until = time.Time{}
			delete(c.postponed, id)
			c.plan.todo.ids[id] = true
			c.rechecked = false
		}
	}
}

// lateAt returns when a request becomes late. A request that runs programs takes longer and delays only other
// programs.
func (p *plan) lateAt(r *Request) time.Time {
	patience := p.patience
	if r.lanes[0].programs {
		patience *= programPatience
	}
	return r.since.Add(patience)
}

// programPatience is the factor for requests that run programs.
const programPatience = 10

// markLate marks a request as late, so that another one may begin.
func (c *Core) markLate(r *Request) {
	free := c.plan.freeFor(r.lanes[0])
	r.late = true
	free.prompt++
	free.late--
	for _, l := range r.lanes {
		// The next look at the lane waits for the request, and nothing else does.
		c.plan.unqueue(l)
		if r.isLook() {
			l.late = true
			delete(c.plan.notLooked, l)
		}
	}
	// Do not wait for resources in a late lane.
	c.plan.looks.unpark(func(l *lane) bool { return !l.due() })
}

// NextTry returns when to try again something that failed, is missing or could not be looked at; ok is false if there
// is nothing.
func (c *Core) NextTry() (next time.Time, ok bool) {
	earliest := func(at time.Time) {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	for id, t := range c.postponed {
		if c.attempts[id] == t {
			earliest(t.until)
		}
	}
	for _, at := range c.plan.retries {
		earliest(at)
	}
	for _, at := range c.lookAgain {
		earliest(at)
	}
	return next, ok
}

// NextWake returns when Requests must be called even if nothing happens.
func (c *Core) NextWake() (next time.Time, ok bool) {
	next, ok = c.NextTry()
	earliest := func(at time.Time) {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	for l := range c.plan.resting {
		earliest(l.rest)
	}
	if c.plan.patience > 0 {
		if len(c.plan.failures) > 0 {
			earliest(c.plan.judgeAt())
		}
		for _, r := range c.plan.requests {
			if !r.late {
				earliest(c.plan.lateAt(r))
			}
		}
		if !c.plan.todo.empty() && !c.plan.since.IsZero() {
			earliest(c.plan.deadline())
		}
	}
	return next, ok
}
