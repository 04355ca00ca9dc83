package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// carriedOut takes in what came of ops. One that fails does not stop the rest: what needs it is blocked, and the rest
// goes on.
func (c *Core) carriedOut(r *Result) {
	for i, t := range r.Request.tasks {
		if i >= len(r.Errs) {
			// There was no time for it.
			if t.epoch != c.plan.epoch {
				c.redecide(t)
			} else if t.state != taskOver {
				t.state = taskWaits
				if t.waits == 0 {
					c.makeReady(t)
				}
			}
			continue
		}
		err := r.Errs[i]
		if err == errSkipped {
			// It is dropped with what it needs.
			if t.state != taskOver {
				c.redecide(t)
			}
			continue
		}
		if err == errReplaced {
			for _, at := range t.at {
				c.markAll(c.domain(at.name))
			}
			c.redecide(t)
			continue
		}
		if c.isTaken(t.op, err) {
			c.markScope(scopeOf(t.op.ID()))
			c.redecide(t)
			continue
		}
		c.Counters.Ops++
		c.over(t)
		made := c.madeBy(t, r)
		c.markChangedBy(t.op, made)
		c.plan.todo.ids[t.op.ID()] = true
		if made := makes(t.op.Want); made != "" && err == nil && c.domains[made] != nil {
			c.domains[made].missing = nil
			c.markAll(c.domains[made])
		}
		if errors.Is(err, unix.ENODEV) {
			c.lookAtNeeds(t.op)
		}
		c.noteOp(t.op, err)
		c.noteUnclear(t.op)
		if made != nil {
			c.observe(t.op.kind, made)
		}
		if err == nil {
			c.plan.done++
			c.changes[t.op.ID()]++
			if t.op.forget {
				// What it was a setting of may go home now.
				for _, need := range t.op.Have.Needs() {
					c.plan.todo.ids[need] = true
				}
			}
			for _, next := range t.next {
				c.countDown(next)
			}
			continue
		}
		if t.epoch != c.plan.epoch {
			// Something else is wanted now, and is compared once this was looked at.
			c.redecide(t)
			continue
		}
		c.noteFailure(t, err)
	}
	for _, l := range r.Request.lanes {
		l.asOf, l.spent = time.Time{}, 0
		delete(c.plan.resting, l)
		c.declareLate(l.domain.name)
	}
}

// declareLate declares a namespace again that left the files while something was done in it: that may have left something
// there.
func (c *Core) declareLate(name string) {
	if _, declared := c.desired.declared[name]; declared {
		return
	}
	c.declareLeft()
	for _, left := range inOrder(c.desired.left, strings.Compare) {
		if c.domains[left] == nil {
			c.desired.anew = true
			c.markAll(c.domain(left))
		}
	}
}

// redecide drops a task, and what waits for it: what is to be done is decided anew.
func (c *Core) redecide(t *task) {
	c.over(t)
	c.plan.todo.ids[t.op.ID()] = true
	c.releaseNext([]*task{t})
}

// failure is an op that failed when done others had succeeded, and what it stops.
type failure struct {
	op      *Op
	err     error
	done    int
	since   time.Time
	blocked []spec.ID
}

// judgeDelay is how long a failure is not judged at most, while something else is done.
const judgeDelay = 200 * time.Millisecond

// judgeAt is when the failures are judged.
func (p *plan) judgeAt() (at time.Time) {
	for _, s := range p.failures {
		if due := s.since.Add(judgeDelay); at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}

// noteFailure drops what needs an op that failed.
func (c *Core) noteFailure(t *task, err error) {
	s := &failure{op: t.op, err: err, done: c.plan.done, since: c.Now}
	c.plan.failures[t.op.ID()] = s
	c.block(t, s)
}

// block drops the tasks that need one that cannot be done.
func (c *Core) block(t *task, s *failure) {
	for _, next := range t.next {
		if next.state == taskOver {
			continue
		}
		if !c.buildsOn(next.op, t.op) {
			c.countDown(next)
			continue
		}
		c.unready(next)
		c.over(next)
		c.stop(next.op.ID(), s)
		c.block(next, s)
	}
}

// buildsOn tells whether an op can only be carried out if another one succeeded.
func (c *Core) buildsOn(op, first *Op) bool {
	if op.Want != nil && slices.Contains(c.needs(op.Want), first.ID()) {
		return true
	}
	renamed, renames := op.renames()
	return renames && first.forget && slices.Contains(first.Have.Needs(), renamed)
}

// stop notes that a resource waits for what comes of a setback.
func (c *Core) stop(id spec.ID, s *failure) {
	s.blocked = append(s.blocked, id)
	c.plan.failures[id] = s
}

// judgeFailures judges what did not succeed, once nothing else is to be done. Where something else succeeded after it, that
// may have been what was in the way: two links that want one VLAN of a parent, say, of which the old one goes. Where there
// is no such interface any more, that is just being found out. So it is first tried again without a word.
func (c *Core) judgeFailures() (some bool) {
	if len(c.plan.failures)+len(c.plan.hasty) == 0 {
		return false
	}
	busy := c.working() || c.plan.looking() || !c.plan.todo.empty()
	alone := c.plan.todo.empty() && len(c.plan.requests)+len(c.plan.tasks)+c.plan.looks.n == 0
	if alone && c.reconsider() {
		return true
	}
	if len(c.plan.failures) == 0 || busy && (c.plan.patience == 0 || c.Now.Before(c.plan.judgeAt())) {
		return false
	}
	setbacks := c.plan.failures
	c.plan.failures = map[spec.ID]*failure{}
	for _, id := range inOrder(setbacks, spec.ID.Compare) {
		s := setbacks[id]
		if id != s.op.ID() {
			continue
		}
		again := (s.done < c.plan.done || errors.Is(s.err, unix.ENODEV)) && !c.attemptsOf(id).again
		if again {
			c.attemptsOf(id).again = true
			c.plan.todo.ids[id] = true
		} else {
			c.fail(s.op, s.err)
			if !alone {
				c.plan.hasty[id] = s.done
			}
		}
		for _, blocked := range s.blocked {
			if again {
				c.plan.todo.ids[blocked] = true
			} else {
				if c.setVerdict(blocked, Verdict{Blocked, fmt.Sprintf("blocked by %s: %s", id, c.verdictOf[id].Reason)}) {
					c.noteChange(blocked)
				}
			}
		}
	}
	return true
}

// reconsider tries again what was judged while something else was being done, in a slow namespace: that
// may have been what was in the way. It is called when nothing is being done.
func (c *Core) reconsider() (some bool) {
	for id, done := range c.plan.hasty {
		if t := c.postponed[id]; t != nil && t == c.attempts[id] && t.reconsidered < worthRetrying && done < c.plan.done {
			t.reconsidered++
			t.until = time.Time{}
			delete(c.postponed, id)
			c.plan.todo.ids[id] = true
			some = true
		}
	}
	clear(c.plan.hasty)
	return some
}

// working tells whether ops are to be carried out in namespaces that keep up.
func (c *Core) working() bool {
	for _, t := range c.plan.tasks {
		if !t.isLate() {
			return true
		}
	}
	return false
}

// lookAtNeeds makes dirty what an op needs: an interface is gone, and the news of that comes after the news of all that went
// with it (unregister_netdevice_many_notify in net/core/dev.c).
func (c *Core) lookAtNeeds(op *Op) {
	if op.Want == nil {
		return
	}
	for _, need := range op.Want.Needs() {
		c.markScope(scopeOf(need))
	}
}

// markChangedBy marks what an op may have changed: its own kind, unless what it made is known, and the kinds that hear of it.
func (c *Core) markChangedBy(op *Op, made *observation) {
	for _, ns := range op.namespaces() {
		d := c.domains[ns]
		if d == nil {
			continue
		}
		for i := range c.kinds.list {
			k := &c.kinds.list[i]
			if k != op.kind && !k.isChangedBy(op.kind) || k == op.kind && made != nil {
				continue
			}
			if s := (scope{ns, k.Name}); k != op.kind && !c.matters(s) {
				c.found.stale[s] = true
				continue
			}
			x := wholeScope
			if k.isByLink() {
				x = c.coverageOf(op, ns)
			}
			c.mark(d, k, x)
		}
	}
}

// isChangedBy tells whether what is found of a kind may be another after a change of another kind.
func (r *Registered) isChangedBy(other *Registered) bool {
	return len(other.Topics) > 0 && (isAbout(r, other.Topics[0]) || slices.Contains(r.Follows, other.Topics[0]))
}
