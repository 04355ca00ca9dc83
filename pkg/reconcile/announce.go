package reconcile

import (
	"context"
	"log/slog"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Announcing is the capability of a kind of resource of which neighbours keep what they have learned: after it has moved,
// they have to be told. Readiness tells of a found resource that is as wanted whether it can be announced now; Announce
// announces some of a namespace.
//
// A resource is announced when linkd has made it, or has changed one of those that it is reached by (spec.Relations.ReachedBy),
// as soon as it and all of those are as wanted and ready. What linkd did not make is never announced.
type Announcing[R spec.Resource] interface {
	Readiness(want, have R) Readiness
	Announce(ctx context.Context, ns *observe.NS, have []R) error
}

// Announcement is found resources of one kind to be announced.
type Announcement struct {
	Kind *Registered
	Have []spec.Resource
}

// noteReach notes that an op has succeeded that may have moved resources for their neighbours.
func (c *Core) noteReach(op *Op) {
	if op.Want == nil || op.forget {
		return
	}
	if op.kind.announces() && op.Verb != Update {
		c.unannounced[op.ID()] = true
	}
	for _, id := range c.desired.index.reached[op.ID()] {
		c.unannounced[id] = true
	}
}

// readiness tells whether a resource can be announced.
func (c *Core) readiness(id spec.ID) Readiness {
	want := c.desired.set.Get(id)
	if want == nil {
		return Never
	}
	have := c.found.get(id)
	if have == nil || !c.isSettled(id) {
		return NotReady
	}
	if _, remembered := c.journal.Get(id, c.identity(id.NS)); !remembered {
		return Never
	}
	ready := c.kinds.byName[id.Kind].readiness(want, have)
	for _, through := range want.Relations().ReachedBy {
		k, have := c.kinds.byName[through.Kind], c.found.get(through)
		if have == nil || !c.isSettled(through) || c.verdictOf[through].State != OK {
			return min(ready, NotReady)
		}
		ready = min(ready, k.carries(have))
	}
	if c.verdictOf[id].State != OK {
		ready = min(ready, ReadySoon)
	}
	return ready
}

// isSettled tells whether nothing is to be done about a resource, and what was found of it is of after the last change in its lane.
func (c *Core) isSettled(id spec.ID) bool {
	l := c.laneOf(scopeOf(id))
	return l != nil && (!l.asOf.IsZero() || l.clean()) && c.plan.tasks[id] == nil && c.plan.failures[id] == nil && !c.plan.todo.covers(id)
}

// announcesSoon tells whether something can be announced within a moment.
func (c *Core) announcesSoon() bool {
	for id := range c.unannounced {
		if c.readiness(id) >= ReadySoon {
			return true
		}
	}
	return false
}

// dispatchAnnouncements begins the announcements that can be made.
func (c *Core) dispatchAnnouncements(out []*Request) []*Request {
	requests := map[scope]*Request{}
	for _, id := range inOrder(c.unannounced, spec.ID.Compare) {
		ready := c.readiness(id)
		if ready == Never {
			delete(c.unannounced, id)
		}
		if ready != Ready {
			continue
		}
		r := requests[scopeOf(id)]
		if r == nil {
			l := c.laneOf(scopeOf(id))
			free := c.plan.freeFor(l)
			if l.request != nil || free.prompt <= 0 {
				continue
			}
			free.prompt--
			r = c.begin(&Request{
				NS: id.NS, lanes: []*lane{l}, generation: l.domain.generation, Announce: &Announcement{Kind: c.kinds.byName[id.Kind]},
			})
			requests[scopeOf(id)] = r
			out = append(out, r)
		}
		if a := r.Announce; len(a.Have) < mostOps {
			a.Have = append(a.Have, c.found.get(id))
			delete(c.unannounced, id)
		}
	}
	return out
}

// noteAnnounced takes in what came of an announcement. One that could not be sent is not sent again: the resource is as
// wanted, and the neighbours find out by themselves after a while.
func (c *Core) noteAnnounced(r *Result) {
	a := r.Request.Announce
	level, message := slog.LevelDebug, "announced"
	if r.Err != nil {
		level, message = slog.LevelWarn, "cannot announce it to the neighbours"
	}
	for _, have := range a.Have {
		c.log.Log(context.Background(), level, message, "id", have.ID().String(), "error", r.Err)
	}
}

// announce makes the announcement of a request.
func (w *Worker) announce(ctx context.Context, session opener, out *Result) {
	ns, err := session.Open(out.Request.NS)
	if err == nil {
		err = out.Request.Announce.Kind.announce(ctx, ns, out.Request.Announce.Have)
	}
	out.Err = err
	w.Progress()
}
