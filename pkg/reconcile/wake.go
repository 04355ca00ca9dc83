package reconcile

import (
	"time"

	"linkd/pkg/spec"
)

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
	for _, l := range c.plan.retries.due(c.Now, (*lane).compare) {
		if l.domain.missing != nil {
			c.markAll(l.domain)
			continue
		}
		for i := range c.kinds.list {
			k := &c.kinds.list[i]
			if s := (scope{l.domain.name, k.Name}); l.domain.lane(k) == l && c.found.lookErrors[s] != nil {
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
	for _, id := range c.postponed.due(c.Now, spec.ID.Compare) {
		c.resume(id, c.attempts[id])
		c.rechecked = false
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

// NextTry returns when to try again something that failed, is missing or could not be looked at; zero if there is
// nothing.
func (c *Core) NextTry() time.Time {
	return earliest(c.postponed.next(), c.plan.retries.next(), c.lookAgain.next())
}

// NextWake returns when Requests must be called even if nothing happens; zero for never.
func (c *Core) NextWake() time.Time {
	next := c.NextTry()
	for l := range c.plan.resting {
		next = earliest(next, l.rest)
	}
	if c.plan.patience == 0 {
		return next
	}
	for _, r := range c.plan.requests {
		if !r.late {
			next = earliest(next, c.plan.lateAt(r))
		}
	}
	if !c.plan.todo.empty() && !c.plan.since.IsZero() {
		next = earliest(next, c.plan.deadline())
	}
	return earliest(next, c.plan.judgeAt())
}
