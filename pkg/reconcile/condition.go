package reconcile

import (
	"time"

	"linkd/pkg/spec"
)

// Condition is what Capabilities.Health says of a found resource that is as wanted. The zero value is of one that works.
type Condition struct {
	// Verdict is how it stands: OK with a remark for the user, about something that keeps it from working and that is not for
	// linkd to change; Pending where it will be of use by itself; Failed where it is of no use. An empty State is OK.
	Verdict
	// Soon: it will be of use within seconds, so it is worth waiting for.
	Soon bool
	// Renew: the kernel has given it up and does not try again. linkd deletes and creates it again after a pause that grows.
	Renew bool
}

// Readiness tells whether what is reached through a resource can be reached.
type Readiness int

// The readinesses, from the least. Never is of a resource that nobody has to be told of.
const (
	Never Readiness = iota
	NotReady
	ReadySoon
	Ready
)

// firstRenewal is the first pause before a resource that the kernel has given up is made again. Duplicate address detection
// takes one to two seconds by itself.
const firstRenewal = time.Second

// dueRenewal tells whether the time has come to make a resource again that the kernel has given up.
func (c *Core) dueRenewal(id spec.ID) bool {
	t := c.attempts[id]
	return t != nil && !t.renewAt.IsZero() && !c.Now.Before(t.renewAt)
}

// noteConditions notes what has to be waited for of the resources that were compared, and when those are made again that the
// kernel has given up.
func (c *Core) noteConditions(verdicts map[spec.ID]Verdict, conditions map[spec.ID]Condition) {
	for id, v := range verdicts {
		condition := conditions[id]
		if condition.Soon {
			c.awaited[id] = true
		} else {
			delete(c.awaited, id)
		}
		if !condition.Renew {
			continue
		}
		t := c.attemptsOf(id)
		switch {
		case c.dueRenewal(id):
			t.renewAt = time.Time{}
			t.renewals++
			// Each time is another attempt, and not the same one that has no effect.
			delete(c.changes, id)
		case t.renewAt.IsZero():
			t.renewAt = c.Now.Add(min(firstRenewal<<min(t.renewals, 10), lastRetry))
			t.verdict = v
			c.postpone(id, t, t.renewAt)
		}
	}
}

// AwaitsMoment tells whether something needs only a moment to be of use, or to be announced, so that it is worth waiting for.
func (c *Core) AwaitsMoment() bool { return len(c.awaited) > 0 || c.announcesSoon() }

// LookAtAwaited makes dirty what AwaitsMoment tells of. It is for who hears no events.
func (c *Core) LookAtAwaited() {
	for id := range c.awaited {
		c.markScope(scopeOf(id))
	}
	for id := range c.unannounced {
		c.markScope(scopeOf(id))
		if want := c.desired.set.Get(id); want != nil {
			for _, through := range want.Relations().ReachedBy {
				c.markScope(scopeOf(through))
			}
		}
	}
}
