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

// takeOpResults takes the results of ops. A failed op blocks what needs it, and nothing else.
func (c *Core) takeOpResults(r *Result) {
	for i, t := range r.Request.tasks {
		if i >= len(r.Errs) {
			// The worker's turn ended before this op.
			if t.epoch != c.plan.epoch {
				c.noteDropped(t.op)
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
			// The op is dropped together with the failed op that it needs.
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
			c.noteReach(t.op)
			if t.op.forget {
				// The resource of the setting may be put back now.
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
			// The desired state has changed. The resource is compared after a look.
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

// declareLate declares a namespace again that was removed from the files while an op ran there, because the op may
// have left something there.
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

// redecide drops a task and those that wait for it, so that they are decided anew.
func (c *Core) redecide(t *task) {
	c.over(t)
	c.plan.todo.ids[t.op.ID()] = true
	c.releaseNext([]*task{t})
}

// failure is an op that failed, the number of ops that had succeeded by then, and the resources that it blocks.
type failure struct {
	op      *Op
	err     error
	done    int
	since   time.Time
	blocked []spec.ID
}

// judgeDelay is the longest time before a failure is judged while other work goes on.
const judgeDelay = 200 * time.Millisecond

// judgeAt returns when the failures must be judged; zero if there are none.
func (p *plan) judgeAt() (at time.Time) {
	for _, s := range p.failures {
		at = earliest(at, s.since.Add(judgeDelay))
	}
	return at
}

// noteFailure records that an op failed and drops the tasks that need it.
func (c *Core) noteFailure(t *task, err error) {
	s := &failure{op: t.op, err: err, done: c.plan.done, since: c.Now}
	c.plan.failures[t.op.ID()] = s
	c.block(t, s)
}

// block drops the tasks that need a failed one.
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

// buildsOn reports whether an op needs the success of another one.
func (c *Core) buildsOn(op, first *Op) bool {
	if op.Want != nil && slices.Contains(c.needs(op.Want), first.ID()) {
		return true
	}
	renamed, renames := op.renames()
	return renames && first.forget && slices.Contains(first.Have.Needs(), renamed)
}

// stop records that a resource waits for the judgement on a failure.
func (c *Core) stop(id spec.ID, s *failure) {
	s.blocked = append(s.blocked, id)
	c.plan.failures[id] = s
}

// judgeFailures decides about failed ops once no other work is left. If another op has succeeded since the failure,
// that op may have removed the cause: an old link that had the VLAN which a new one needs. If the error was that an
// interface does not exist, a look is finding that out. So the op is first tried again without a report.
func (c *Core) judgeFailures() (some bool) {
	if len(c.plan.failures)+len(c.plan.judgedEarly) == 0 {
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
	failures := c.plan.failures
	c.plan.failures = map[spec.ID]*failure{}
	for _, id := range inOrder(failures, spec.ID.Compare) {
		s := failures[id]
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
				c.plan.judgedEarly[id] = s.done
			}
		}
		for _, blocked := range s.blocked {
			if again {
				c.plan.todo.ids[blocked] = true
			} else {
				why := c.verdictOf.of(id)
				if c.setVerdict(blocked, Verdict{State: Blocked, Reason: fmt.Sprintf("blocked by %s: %s", id, why.Reason), Cause: why.root(id)}) {
					c.noteChange(blocked)
				}
			}
		}
	}
	return true
}

// reconsider tries ops again that were judged while ops in a slow namespace were outstanding, because these may have
// removed the cause. It is called when no work is outstanding.
func (c *Core) reconsider() (some bool) {
	for id, done := range c.plan.judgedEarly {
		if t := c.attempts[id]; t != nil && c.postponedIn.has(id) && t.reconsidered < worthRetrying && done < c.plan.done {
			t.reconsidered++
			c.resume(id, t)
			some = true
		}
	}
	clear(c.plan.judgedEarly)
	return some
}

// working reports whether ops are left in namespaces that keep up.
func (c *Core) working() bool {
	for _, t := range c.plan.tasks {
		if !t.isLate() {
			return true
		}
	}
	return false
}

// lookAtNeeds makes dirty what an op needs: an interface has been deleted, and the kernel announces that after
// everything that was deleted with it (unregister_netdevice_many_notify in net/core/dev.c).
func (c *Core) lookAtNeeds(op *Op) {
	if op.Want == nil {
		return
	}
	for _, need := range op.Want.Needs() {
		c.markScope(scopeOf(need))
	}
}

// markChangedBy makes dirty what an op may have changed: its own kind, unless the kernel said what the op made, and the
// kinds that are looked at after changes of it.
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

// isChangedBy reports whether observed resources of a kind may change with those of another kind.
func (r *Registered) isChangedBy(other *Registered) bool {
	return len(other.Topics) > 0 && (isAbout(r, other.Topics[0]) || slices.Contains(r.Follows, other.Topics[0]))
}
