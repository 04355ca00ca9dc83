package reconcile

import (
	"fmt"
	"slices"
	"time"
)

// Done takes the result of a request.
func (c *Core) Done(r *Result) {
	req := r.Request
	if c.plan.requests[req.ID] != req {
		return
	}
	delete(c.plan.requests, req.ID)
	c.dirtied, c.rechecked = true, false
	if free := c.plan.freeFor(req.lanes[0]); req.late {
		free.late++
	} else {
		free.prompt++
	}
	switch {
	case req.Ops != nil:
		c.takeOpResults(r)
	case req.Announce != nil:
		c.noteAnnounced(r)
	default:
		c.takeLookResult(r)
	}
	for _, l := range req.lanes {
		if req.isLook() {
			delete(c.plan.notLooked, l)
		}
		c.free(l)
	}
	for _, l := range req.lanes {
		// What waits for a look goes on waiting if an op has just changed something.
		if req.Ops == nil || l.clean() {
			c.plan.candidates(l)
		}
		c.unannounced.noteRequest(l)
	}
}

// candidates marks what waits for a look at a lane for comparison.
func (p *plan) candidates(l *lane) {
	p.todo.add(l.waiting)
	if !l.waiting.empty() {
		l.waiting = newWorkset()
	}
}

// takeLookResult takes the result of a look.
func (c *Core) takeLookResult(r *Result) {
	req := r.Request
	l := req.lanes[0]
	d := l.domain
	if c.domains[d.name] != d {
		return
	}
	took := c.Now.Sub(req.since)
	l.late = req.late && !c.Now.Before(c.plan.lateAt(req))
	if req.generation != d.generation && r.Err == nil && r.Location.Identity != d.location.Identity {
		// The look was at another namespace.
		for _, s := range req.Look {
			c.seekAgain(scope{d.name, s.Kind.Name}, s.search)
			c.mark(d, s.Kind, s.covers)
		}
		return
	}
	if r.holder != 0 && !c.plan.dryRun {
		c.keepHeld(d, req.was.Identity, r.holder)
	}
	err := r.Err
	if err == nil {
		err = c.resolve(d, r.Location)
	} else {
		c.claim(d, "")
	}
	if err != nil {
		c.setMissing(d, err)
		return
	}
	c.setPresent(d, r)
	l.asOf = req.since
	for i := range r.observations {
		s := &r.observations[i]
		delete(c.found.lookErrors, s.scope)
		c.journal.confirm(c.kinds.byName[s.scope.kind], s.found)
		if c.lost {
			c.noteClaims(s.found)
		}
		if k := c.kinds.byName[s.scope.kind]; c.renamed(k, s) {
			c.mark(d, k, wholeScope)
			continue
		}
		c.observe(c.kinds.byName[s.scope.kind], s)
		c.recheckBlocked(s.scope)
	}
	for kind, err := range r.failed {
		s := scope{d.name, kind}
		c.plan.todo.scopes[s] = true
		delete(c.found.compared, s)
		c.seekAgain(s, slices.ContainsFunc(req.Look, func(look Scope) bool { return look.Kind.Name == kind && look.search }))
		c.found.lookErrors[s] = fmt.Errorf("look at %s in %s: %w", kind, d.name, err)
	}
	if c.plan.retries.remove(l); len(r.failed) > 0 {
		c.plan.retries.set(l, c.Now.Add(c.searchPause(d)))
	}
	l.searched = l.searched || c.desired.search && !c.desired.partial
	c.noteSpent(l, took)
}

// seekAgain makes the next look at a scope a search if the last one should have been a search and failed.
func (c *Core) seekAgain(s scope, searched bool) {
	if searched {
		c.found.sought[s] = true
	}
}

// recheckBlocked marks the ops for a new comparison that something in a scope prevented.
func (c *Core) recheckBlocked(s scope) {
	for id := range c.found.inTheWay[s] {
		c.plan.todo.ids[id] = true
	}
	delete(c.found.inTheWay, s)
}

// noteSpent makes a lane rest if its looks take more than their share of the time and find nothing to do.
func (c *Core) noteSpent(l *lane, took time.Duration) {
	if c.plan.patience == 0 || l.urgent {
		return
	}
	if len(l.pending) > 0 || c.Now.Sub(l.window) > time.Second {
		l.spent, l.window = 0, c.Now
	}
	if l.spent += took; l.spent > idleShare {
		l.rest = c.Now.Add(max(idlePause, min(took, longestRest)))
		l.spent, l.window = 0, c.Now
		c.plan.resting[l] = true
	}
}

const (
	// Once looks that find nothing to do have taken idleShare within a second, the lane rests: somebody keeps
	// changing things there that do not matter.
	idleShare   = 300 * time.Millisecond
	idlePause   = 100 * time.Millisecond
	longestRest = 2 * time.Second
)
