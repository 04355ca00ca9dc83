package reconcile

import (
	"time"

	"linkd/pkg/spec"
)

// Condition is the result of Capabilities.Health for an observed resource that is as desired. The zero value means
// that it works.
type Condition struct {
	// Verdict is OK, with a remark for the user about something that keeps the resource from working and that linkd
	// must not change; Pending if the resource will work without a change; Failed if it does not work. An empty State
	// is OK.
	Verdict
	// Soon: the resource will work within seconds, so that a command waits for it.
	Soon bool
	// Unannounced: no event says when, so that linkd looks at the resource again after a pause.
	Unannounced bool
	// Renew: the kernel has given the resource up and does not try again. linkd deletes and creates it again after a
	// growing pause.
	Renew bool
}

// Readiness says whether what is reached through a resource can be reached.
type Readiness int

// The readinesses, in ascending order. Never means that the resource need not be announced.
const (
	Never Readiness = iota
	NotReady
	ReadySoon
	Ready
)

// firstRenewal is the first pause before linkd makes a resource again that the kernel has given up. Duplicate address
// detection alone takes one to two seconds.
const firstRenewal = time.Second

// unannouncedPause is the pause before linkd looks again at a resource of which no event says when it will work.
const unannouncedPause = 250 * time.Millisecond

// wakeUnannounced looks again at the resources of which no event says when they will work.
func (c *Core) wakeUnannounced() {
	for _, id := range c.lookAgain.due(c.Now, spec.ID.Compare) {
		c.markScope(scopeOf(id))
	}
}

// dueRenewal reports whether it is time to make a resource again that the kernel has given up.
func (c *Core) dueRenewal(id spec.ID) bool {
	t := c.attempts[id]
	return t != nil && !t.renewAt.IsZero() && !c.Now.Before(t.renewAt)
}

// noteConditions records which of the compared resources will work soon, and when to make those again that the kernel
// has given up.
func (c *Core) noteConditions(verdicts map[spec.ID]Verdict, conditions map[spec.ID]Condition) {
	for id, v := range verdicts {
		condition := conditions[id]
		if condition.Soon {
			c.awaited[id] = true
		} else {
			delete(c.awaited, id)
		}
		if condition.Unannounced {
			c.lookAgain.set(id, c.Now.Add(unannouncedPause))
		}
		if !condition.Renew {
			continue
		}
		t := c.attemptsOf(id)
		switch {
		case c.dueRenewal(id):
			t.renewAt = time.Time{}
			t.renewals++
			// Each renewal is a new attempt, not one without an effect.
			delete(c.changes, id)
		case t.renewAt.IsZero():
			t.renewAt = c.Now.Add(min(firstRenewal<<min(t.renewals, 10), lastRetry))
			t.verdict = v
			c.postpone(id, t, t.renewAt)
		}
	}
}

// AwaitsMoment reports whether a resource will work, or can be announced, within seconds, so that a command should
// wait.
func (c *Core) AwaitsMoment() bool { return len(c.awaited) > 0 || c.announcesSoon() }

// LookAtAwaited makes dirty what AwaitsMoment waits for. It is for callers that get no events.
func (c *Core) LookAtAwaited() {
	for id := range c.awaited {
		c.markScope(scopeOf(id))
	}
	for id := range c.unannounced.ids {
		c.markScope(scopeOf(id))
		if want := c.desired.set.Get(id); want != nil {
			for _, through := range want.Relations().ReachedBy {
				c.markScope(scopeOf(through))
			}
		}
	}
}
