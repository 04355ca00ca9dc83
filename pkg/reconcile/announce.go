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
		c.unannounced.add(op.ID())
	}
	for _, id := range c.desired.index.reached[op.ID()] {
		c.unannounced.add(id)
	}
}

// readiness returns whether a resource can be announced. If it cannot be announced now, it also returns the first reason.
func (c *Core) readiness(id spec.ID) (ready Readiness, by obstacle) {
	want := c.desired.set.Get(id)
	if want == nil {
		return Never, by
	}
	ready = Ready
	prevent := func(now Readiness, because obstacle) {
		if ready == Ready && now < Ready {
			by = because
		}
		ready = min(ready, now)
	}
	have := c.found.get(id)
	if because, settled := c.isSettled(id); have == nil || !settled {
		return NotReady, because
	}
	if _, remembered := c.journal.Get(id, c.identity(id.NS)); !remembered {
		return Never, by
	}
	prevent(c.kinds.byName[id.Kind].readiness(want, have), obstacle{id: id})
	for _, through := range want.Relations().ReachedBy {
		have := c.found.get(through)
		because, settled := c.isSettled(through)
		if have == nil || !settled || c.verdictOf.of(through).State != OK {
			prevent(NotReady, because)
			return ready, by
		}
		prevent(c.kinds.byName[through.Kind].carries(have), because)
	}
	if c.verdictOf.of(id).State != OK {
		prevent(ReadySoon, obstacle{id: id})
	}
	return ready, by
}

// isSettled reports whether no work is left for a resource, and the last look at its lane was after the last change
// there. It also returns what must change before the answer does.
func (c *Core) isSettled(id spec.ID) (by obstacle, settled bool) {
	l := c.laneOf(scopeOf(id))
	if l != nil && !l.isSettled() {
		return obstacle{lane: l}, false
	}
	return obstacle{id: id}, l != nil && c.plan.tasks[id] == nil && c.plan.failures[id] == nil && !c.plan.todo.covers(id)
}

// isSettled reports whether the last look at the lane was after the last change there.
func (l *lane) isSettled() bool { return !l.asOf.IsZero() || l.clean() }

// announcesSoon reports whether a resource can be announced within seconds.
func (c *Core) announcesSoon() bool {
	for id := range c.unannounced.ids {
		if ready, _ := c.readiness(id); ready >= ReadySoon {
			return true
		}
	}
	return false
}

// dispatchAnnouncements begins the announcements that can begin and have a free slot.
func (c *Core) dispatchAnnouncements(out []*Request) []*Request {
	requests := map[scope]*Request{}
	for {
		id, ok := c.unannounced.first()
		if !ok {
			return out
		}
		r, l := requests[scopeOf(id)], c.laneOf(scopeOf(id))
		if l != nil && r == nil && c.plan.freeFor(l).prompt <= 0 {
			return out
		}
		ready, by := c.readiness(id)
		switch {
		case ready == Never:
			c.unannounced.remove()
			continue
		case ready != Ready:
			c.unannounced.wait(by)
			continue
		case r == nil && l.request == nil:
			c.plan.freeFor(l).prompt--
			r = c.begin(&Request{
				NS: id.NS, lanes: []*lane{l}, generation: l.domain.generation, Announce: &Announcement{Kind: c.kinds.byName[id.Kind]},
			})
			requests[scopeOf(id)] = r
			out = append(out, r)
		}
		if r == nil || len(r.Announce.Have) == mostOps {
			c.unannounced.wait(obstacle{lane: l, busy: true})
			continue
		}
		r.Announce.Have = append(r.Announce.Have, c.found.get(id))
		c.unannounced.remove()
	}
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
