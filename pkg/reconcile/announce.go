package reconcile

import (
	"context"
	"log/slog"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Announcing is the capability of a kind whose resources neighbours cache: after a resource has moved, linkd must
// announce it to them. Readiness reports whether an observed resource that is as desired can be announced now.
// Announce announces some resources of one namespace.
// linkd announces a resource after it has made it, or has changed a resource in its spec.Relations.ReachedBy, as soon
// as all of these are as desired and ready. It never announces a resource that it did not make.
type Announcing[R spec.Resource] interface {
	Readiness(want, have R) Readiness
	Announce(ctx context.Context, ns *observe.NS, have []R) error
}

// Announcement lists observed resources of one kind to announce.
type Announcement struct {
	Kind *Registered
	Have []spec.Resource
}

// noteReach records that an op has succeeded after which resources must be announced.
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

// readiness returns whether a resource can be announced.
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

// isSettled reports whether no work is left for a resource, and the last look at its lane was after the last change
// there.
func (c *Core) isSettled(id spec.ID) bool {
	l := c.laneOf(scopeOf(id))
	return l != nil && (!l.asOf.IsZero() || l.clean()) && c.plan.tasks[id] == nil && c.plan.failures[id] == nil && !c.plan.todo.covers(id)
}

// announcesSoon reports whether a resource can be announced within seconds.
func (c *Core) announcesSoon() bool {
	for id := range c.unannounced {
		if c.readiness(id) >= ReadySoon {
			return true
		}
	}
	return false
}

// dispatchAnnouncements begins the announcements that can begin.
func (c *Core) dispatchAnnouncements(out []*Request) []*Request {
	if !c.hasSlotToAnnounce() {
		// With 10,000 namespaces there may be as many that wait, and mostly no slot.
		return out
	}
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

// hasSlotToAnnounce reports whether an announcement of some kind could begin.
func (c *Core) hasSlotToAnnounce() bool {
	for i := range c.kinds.list {
		if k := &c.kinds.list[i]; k.announces() && c.plan.free[boolRank(k.Programs)].prompt > 0 {
			return true
		}
	}
	return false
}

// noteAnnounced takes the result of an announcement. It does not repeat a failed one: the resource is as desired, and
// neighbours notice the change after a while.
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

// announce carries out an announcement.
func (w *Worker) announce(ctx context.Context, session opener, out *Result) {
	ns, err := session.Open(out.Request.NS)
	if err == nil {
		err = out.Request.Announce.Kind.announce(ctx, ns, out.Request.Announce.Have)
	}
	out.Err = err
	w.Progress()
}
