package reconcile

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// attempts records how often a resource was tried and repaired, and when the next attempt may come.
type attempts struct {
	failures int
	again    bool // it failed, and was tried again at once
	// reconsidered counts the attempts after a failure that was judged before all other work was done.
	reconsidered int
	corrections  []time.Time
	until        time.Time
	verdict      Verdict
	causedBy     string
	// renewAt is when linkd makes a resource again that the kernel has given up, and renewals counts how often it did.
	renewAt  time.Time
	renewals int
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
	// A resource that is repaired more often than flapCount within flapWindow is flapping.
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

// postpone sets the time of the next attempt.
func (c *Core) postpone(id spec.ID, t *attempts, until time.Time) {
	t.until = until
	c.postponed.set(id, until)
	c.postponedIn.add(id)
}

// resume ends the wait for the next attempt.
func (c *Core) resume(id spec.ID, t *attempts) {
	t.until = time.Time{}
	c.postponed.remove(id)
	c.postponedIn.remove(id)
	c.plan.todo.ids[id] = true
}

// forgetAttempts drops the records of resources whose last repair is longer ago than flapWindow.
func (c *Core) forgetAttempts() {
	for id, t := range c.attempts {
		last := len(t.corrections) - 1
		if t.failures == 0 && t.until.IsZero() && last >= 0 && c.Now.Sub(t.corrections[last]) > flapWindow {
			c.forgetAttemptsOf(id)
		}
	}
}

func (c *Core) fail(op *Op, err error) {
	id := op.ID()
	v := Verdict{State: Failed, Reason: err.Error()}
	t := c.attemptsOf(id)
	wait := firstRetry << min(t.failures, 10)
	if errors.Is(err, observe.ErrPending) {
		// Most pending resources wait for seconds: an IPv6 address is tentative for one or two, and apply waits for
		// three.
		v.State = Pending
		wait = firstRetry << min(t.failures/2, 10)
	}
	delete(c.changes, id)
	t.failures++
	if t.failures == 1 && errors.Is(err, unix.ENODEV) {
		// The interface was replaced since the look, so linkd looks again at once.
		c.plan.todo.ids[id] = true
	} else {
		c.postpone(id, t, c.Now.Add(min(wait, lastRetry)))
	}
	t.verdict = v
	if !op.onlyMarked && c.setVerdict(id, v) {
		c.noteChange(id)
	}
}

// noteCorrections counts the repairs in a plan: ops for resources that were as desired and are not any more, though
// the desired state is the same. It removes the ops of resources that need too many repairs.
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
			t.causedBy = ", " + by.String()
		}
		if extra := len(t.corrections) - flapCount; extra > 0 {
			c.postpone(id, t, now.Add(min(time.Second<<min(extra, 6), lastRetry)))
			t.verdict = Verdict{State: Flapping, Reason: fmt.Sprintf("repaired %d times within a minute, and changed again%s", len(t.corrections)-1, t.causedBy)}
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

// held returns the verdict of a resource whose next attempt is not due yet; is reports whether it is held.
func (c *Core) held(id spec.ID) (v Verdict, is bool) {
	if t := c.attempts[id]; t != nil && t.until.After(c.Now) {
		return t.verdict, true
	}
	return v, false
}

// verdicts are the states of all resources and the attempts so far.
type verdicts struct {
	verdictOf verdictTable
	attempts  map[spec.ID]*attempts
	// postponed are the times of the next attempts, and postponedIn are the resources that have one.
	postponed   alarms[spec.ID]
	postponedIn idSet
	// changes counts the ops that succeeded since a resource was last as desired.
	changes map[spec.ID]int
	// wasOK are the resources that have been as desired since they were last declared.
	wasOK map[spec.ID]bool
	// notOK are the resources that are not as desired.
	notOK idSet
	// awaited are the resources that will work within seconds.
	awaited map[spec.ID]bool
	// unannounced are the resources that linkd has to announce to neighbours.
	unannounced unannounced
	// lookAgain is when those are looked at again of which no event tells that they are of use.
	lookAgain alarms[spec.ID]
	// failed are the last verdicts of resources that failed or were blocked.
	failed map[spec.ID]Verdict
	rows   rows
}

func newVerdicts() verdicts {
	return verdicts{
		verdictOf: verdictTable{}, attempts: map[spec.ID]*attempts{}, postponedIn: newIDSet(), changes: map[spec.ID]int{},
		wasOK: map[spec.ID]bool{}, notOK: newIDSet(), awaited: map[spec.ID]bool{}, unannounced: newUnannounced(),
		failed: map[spec.ID]Verdict{},
	}
}

// forget drops the verdict and the attempts of a resource.
func (v *verdicts) forget(id spec.ID) {
	v.forgetAttemptsOf(id)
	delete(v.wasOK, id)
	delete(v.awaited, id)
	delete(v.verdictOf, id)
	v.notOK.remove(id)
	delete(v.failed, id)
}

// forgetAttemptsOf drops the attempts of a resource.
func (v *verdicts) forgetAttemptsOf(id spec.ID) {
	delete(v.attempts, id)
	v.postponed.remove(id)
	v.postponedIn.remove(id)
}

// mostTries is how often in a row linkd changes a resource that is not as desired afterwards.
const mostTries = 5

func errNoEffect(op *Op) error {
	return fmt.Errorf("%s %s: the kernel accepted the change without effect (%s)", op.Verb, op.ID(), op.reason())
}

// worthRetrying is how often a command tries a failed resource again: the next pass repairs what one op takes from
// another, such as the route of an address.
const worthRetrying = 3

// Retrying reports whether a command should try again soon instead of ending.
func (c *Core) Retrying() bool {
	for id, t := range c.attempts {
		if t.failures > 0 && (c.verdictOf.of(id).State == Pending || t.failures < worthRetrying) {
			return true
		}
	}
	return false
}

const (
	// firstSearch is the first pause before linkd looks for a missing namespace again.
	firstSearch = 5 * time.Millisecond
	// processSearch is the longest pause for a namespace that belongs to a process: reading /proc takes about a
	// millisecond.
	processSearch = 250 * time.Millisecond
)
