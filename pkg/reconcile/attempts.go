package reconcile

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// attempts is how often a resource was tried or corrected, and when it may be again.
type attempts struct {
	failures int
	again    bool // it failed, and was tried again at once
	// reconsidered is how often it was tried again because it had been judged before all else was done.
	reconsidered int
	corrections  []time.Time
	until        time.Time
	verdict      Verdict
	undoneBy     string
	// renewAt is when it is made again, after the kernel has given it up, and renewals how often it was.
	renewAt  time.Time
	renewals int
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
	// A resource that has to be corrected more often than this within flapWindow is flapping.
	flapCount  = 5
	flapWindow = time.Minute
)

func (c *Core) attemptsOf(id spec.ID) *attempts {
	t := c.attempts[id]
	if t == nil {
		t = &attempts{}
		c.attempts[id] = t
	}
	return t
}

// postpone has a resource tried again at a time.
func (c *Core) postpone(id spec.ID, t *attempts, until time.Time) {
	t.until = until
	c.postponed[id] = t
}

// forgetAttempts forgets the resources that somebody changed, and not within the time that counts.
func (c *Core) forgetAttempts() {
	for id, t := range c.attempts {
		last := len(t.corrections) - 1
		if t.failures == 0 && t.until.IsZero() && last >= 0 && c.Now.Sub(t.corrections[last]) > flapWindow {
			delete(c.attempts, id)
		}
	}
}

func (c *Core) fail(op *Op, err error) {
	id := op.ID()
	v := Verdict{Failed, err.Error()}
	t := c.attemptsOf(id)
	wait := firstRetry << min(t.failures, 10)
	if errors.Is(err, observe.ErrPending) {
		// Mostly it is a matter of seconds, an IPv6 address that is tentative for one or two, and apply waits for three.
		v.State = Pending
		wait = firstRetry << min(t.failures/2, 10)
	}
	delete(c.changes, id)
	t.failures++
	if t.failures == 1 && errors.Is(err, unix.ENODEV) {
		// An interface was replaced since the look, so it is looked at again at once.
		c.plan.todo.ids[id] = true
	} else {
		c.postpone(id, t, c.Now.Add(min(wait, lastRetry)))
	}
	t.verdict = v
	if !op.onlyMarked && c.setVerdict(id, v) {
		c.noteChange(id)
	}
}

// noteCorrections counts, before the plan is carried out, the resources that were right and are not any more though
// nobody asked for another state; the ones for which that happens again and again are held back.
func (c *Core) noteCorrections(plan Plan) (rest Plan) {
	now := c.Now
	for _, op := range plan {
		id := op.ID()
		if op.Want == nil || op.forget || op.again || op.moved() || !c.wasOK[id] {
			rest = append(rest, op)
			continue
		}
		t := c.attemptsOf(id)
		c.Counters.Corrections++
		t.corrections = append(t.corrections, now)
		for len(t.corrections) > 0 && now.Sub(t.corrections[0]) > flapWindow {
			t.corrections = t.corrections[1:]
		}
		if by := c.noteDrift(op); by != nil {
			t.undoneBy = ", " + by.String()
		}
		if extra := len(t.corrections) - flapCount; extra > 0 {
			c.postpone(id, t, now.Add(min(time.Second<<min(extra, 6), lastRetry)))
			t.verdict = Verdict{Flapping, fmt.Sprintf("corrected %d times within a minute, and undone again%s", len(t.corrections)-1, t.undoneBy)}
			if c.setVerdict(id, t.verdict) {
				c.noteChange(id)
			}
			delete(c.wasOK, id)
			continue
		}
		rest = append(rest, op)
	}
	return rest
}

// held tells whether the time of a resource to be tried again has not come.
func (c *Core) held(id spec.ID) (v Verdict, is bool) {
	if t := c.attempts[id]; t != nil && t.until.After(c.Now) {
		return t.verdict, true
	}
	return v, false
}

// verdicts is how everything stands.
type verdicts struct {
	verdictOf map[spec.ID]Verdict
	attempts  map[spec.ID]*attempts
	// postponed are the trials that have a time at which they are tried again.
	postponed map[spec.ID]*attempts
	// changes is how often ops succeeded since a resource was last as wanted.
	changes map[spec.ID]int
	// wasOK are the resources that have been as wanted since they were last declared.
	wasOK map[spec.ID]bool
	// notOK are those that are not as wanted.
	notOK idSet
	// awaited are those that need only a moment to be of use.
	awaited map[spec.ID]bool
	// unannounced are the resources of which the neighbours have to be told.
	unannounced map[spec.ID]bool
	// failed is how those stood when that was last decided that had failed, or could not be tried.
	failed map[spec.ID]Verdict
	rows   rows
}

func newVerdicts() verdicts {
	return verdicts{
		verdictOf: map[spec.ID]Verdict{}, attempts: map[spec.ID]*attempts{}, postponed: map[spec.ID]*attempts{}, changes: map[spec.ID]int{},
		wasOK: map[spec.ID]bool{}, notOK: newIDSet(), awaited: map[spec.ID]bool{}, unannounced: map[spec.ID]bool{},
		failed: map[spec.ID]Verdict{},
	}
}

// forget forgets how a resource stood.
func (v *verdicts) forget(id spec.ID) {
	delete(v.attempts, id)
	delete(v.wasOK, id)
	delete(v.awaited, id)
	delete(v.verdictOf, id)
	v.notOK.remove(id)
	delete(v.failed, id)
}

// mostTries is how often something is changed in a row that is not as wanted after it.
const mostTries = 5

func errNoEffect(op *Op) error {
	return fmt.Errorf("%s %s: the kernel took it, and yet it is not so (%s)", op.Verb, op.ID(), op.reason())
}

// worthRetrying is how often something that failed is tried again by who will not stay to see it succeed: what one op
// takes from another, an address its route, is given back by the next pass.
const worthRetrying = 3

// Retrying tells whether something that was tried is worth trying again soon, rather than waiting for it.
func (c *Core) Retrying() bool {
	for id, t := range c.attempts {
		if t.failures > 0 && (c.verdictOf[id].State == Pending || t.failures < worthRetrying) {
			return true
		}
	}
	return false
}

const (
	// firstSearch is the first pause before a missing namespace is looked for again.
	firstSearch = 5 * time.Millisecond
	// processSearch is the longest where a process is what is missing: to read /proc takes a millisecond or so.
	processSearch = 250 * time.Millisecond
)
