package reconcile

import (
	"log/slog"
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// reporter says what happens.
type reporter struct {
	// OnEvents is given what has happened, in order. The slice is the core's.
	OnEvents func([]Event)
	// LateCause is who caused what is heard of a place but was not told yet.
	LateCause func(ns string, t observe.Topic) observe.Cause

	log *slog.Logger
	// events are those that were not told yet.
	events []Event
	// reported is how each resource stood when that was last told, unsettled are those that may stand otherwise now, and
	// recount: all may.
	reported  map[spec.ID]Verdict
	toReport  map[spec.ID]bool
	reportAll bool
	// causes is what was heard since then, and who caused it; idle: nothing was done.
	causes map[topicPlace]observe.Cause
	idle   bool
}

// topicPlace is where news came from: a topic in a namespace.
type topicPlace struct {
	ns    string
	topic observe.Topic
}

func newNarrator(log *slog.Logger) reporter {
	return reporter{
		log: log, reported: map[spec.ID]Verdict{}, toReport: map[spec.ID]bool{}, causes: map[topicPlace]observe.Cause{}, idle: true,
	}
}

// EndPass tells how what has happened stands now.
func (c *Core) EndPass() {
	c.Counters.Passes++
	if c.lost {
		c.noteUnconfirmed()
		c.lost = !c.Quiet()
	}
	c.noteTransitions()
	c.report()
	for at := range c.causes {
		// What was heard of a place is needed until somebody has looked there.
		if d := c.domains[at.ns]; d == nil || d.lanes[netlinkLane].clean() && d.lanes[programLane].clean() {
			delete(c.causes, at)
		}
	}
	c.idle = true
}

// mostHeld is how many events wait at most for the kernel to say who did what one of them is about.
const mostHeld = 128

// note tells of an event, unless one waits to be told before it: of a drift for which nobody is known yet. By the end of the
// pass the kernel has said who it was, or it does not.
func (c *Core) note(ev Event) {
	ev.Version, ev.Time = 1, c.Now
	c.events = append(c.events, ev)
	if c.events[0].op == nil || len(c.events) >= mostHeld {
		c.report()
	}
}

// report says what has been noted: to the log, and to who listens.
func (c *Core) report() {
	if len(c.events) == 0 {
		return
	}
	for i := range c.events {
		ev := &c.events[i]
		if ev.op != nil {
			ev.By = c.lateCause(ev.op)
			ev.op = nil
		}
		logEvent(c.log, ev)
	}
	if c.OnEvents != nil {
		c.OnEvents(c.events)
	}
	clear(c.events)
	c.events = c.events[:0]
}

// noteOp notes that an op was done, or why it failed.
func (c *Core) noteOp(op *Op, err error) {
	c.idle = false
	id := op.ID()
	ev := Event{
		Event: OpDone, ID: plain.Text(id.String()), Op: op.Verb.String(), Fields: op.Why, Reason: plain.Text(op.Because),
		Source: c.origin(id), kind: id.Kind, opText: op.text(),
	}
	if err != nil {
		ev.Error = plain.Text(err.Error())
	}
	c.note(ev)
}

// noteDrift notes that what op corrects was all right, and returns who may have undone it.
func (c *Core) noteDrift(op *Op) *observe.Cause {
	id := op.ID()
	by := c.culprit(op)
	if by == nil && c.LateCause != nil && c.idle {
		by = c.firstCause(op, c.LateCause)
	}
	ev := Event{
		Event: Drift, ID: plain.Text(id.String()), Op: op.Verb.String(), Fields: op.Why, Reason: plain.Text(op.Because),
		Source: c.origin(id), By: by, kind: id.Kind,
	}
	if by == nil {
		ev.op = op
	}
	c.note(ev)
	return by
}

// culprit is who may have undone what op corrects, by the news of such things there since the last pass; nil where the
// kernel does not tell.
func (c *Core) culprit(op *Op) *observe.Cause {
	return c.firstCause(op, func(ns string, t observe.Topic) observe.Cause { return c.causes[topicPlace{ns, t}] })
}

// lateCause is the same by the news that came while linkd was at work: the kernel tells of the end of a link when all that was
// on it is gone. By then linkd has made rules of its own, so a new generation of those is no news of others.
func (c *Core) lateCause(op *Op) *observe.Cause {
	if c.LateCause == nil {
		return nil
	}
	by := c.firstCause(op, c.LateCause)
	if by == nil || by.Named {
		return nil
	}
	return by
}

func (c *Core) firstCause(op *Op, of func(ns string, t observe.Topic) observe.Cause) *observe.Cause {
	for _, t := range op.kind.Topics {
		if by := of(op.ID().NS, t); by != (observe.Cause{}) {
			by.Command = plain.Text(by.Command)
			return &by
		}
	}
	return nil
}

// noteTransitions tells how the resources stand that stood otherwise at the end of the last pass. What flaps within a
// pass, because it was tried twice, is nobody's business.
func (c *Core) noteTransitions() {
	if c.reportAll {
		// Other things are wanted than at the last pass.
		for id := range c.reported {
			c.toReport[id] = true
		}
		c.reportAll = false
	}
	later := map[spec.ID]bool{}
	for _, id := range slices.SortedFunc(maps.Keys(c.toReport), spec.ID.Compare) {
		if c.isUndecided(id) || c.plan.anew {
			later[id] = true
			continue
		}
		v, judged := c.verdictOf[id]
		if c.failed[id] = v; v.State == OK || v.State == Pending || !judged {
			delete(c.failed, id)
		}
		was, told := c.reported[id]
		switch {
		case judged && told && was == v:
			continue
		case judged:
			c.reported[id] = v
		case told:
			v = Verdict{State: Gone}
			delete(c.reported, id)
		default:
			continue
		}
		c.note(Event{
			Event: Transition, ID: plain.Text(id.String()), State: string(v.State), Was: string(was.State),
			Reason: plain.Text(v.Reason), Source: c.origin(id), kind: id.Kind,
		})
	}
	c.toReport = later
}

// isUndecided tells whether it is not known yet how a resource stands: it is being changed, what came of that was not looked
// at, or nothing was since other things came to be wanted.
func (c *Core) isUndecided(id spec.ID) bool {
	v, judged := c.verdictOf[id]
	if c.desired.set.Get(id) == nil {
		return c.plan.tasks[id] != nil
	}
	return !judged || v.State == OK && c.notOK.has(id) && !c.plan.onlyPlanned
}

// noteNamespace notes that a namespace has come or gone; linkd's own is always there.
func (c *Core) noteNamespace(name, state string, err error) {
	if name == spec.Host {
		return
	}
	ev := Event{Event: Namespace, Namespace: plain.Text(name), State: state}
	if err != nil {
		ev.Reason = plain.Text(err.Error())
	}
	c.note(ev)
}
