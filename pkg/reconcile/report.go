package reconcile

import (
	"log/slog"
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// reporter reports events to the log and to listeners.
type reporter struct {
	// OnEvents gets the events, in order. The slice belongs to the core.
	OnEvents func([]Event)
	// LateCause returns the cause of events about a topic that have arrived but were not passed to Notify yet.
	LateCause func(ns string, t observe.Topic) observe.Cause

	log *slog.Logger
	// events are those that were not reported yet.
	events []Event
	// reported are the last reported verdicts, toReport the resources whose verdict may have changed since, and
	// reportAll marks all resources.
	reported  verdictTable
	toReport  map[spec.ID]bool
	reportAll bool
	// causes are the causes of the kernel events since the last pass. idle: no op was done since then.
	causes map[topicPlace]observe.Cause
	idle   bool
	// records are those that were begun and not ended.
	records []*Record
}

// topicPlace is a topic in a namespace.
type topicPlace struct {
	ns    string
	topic observe.Topic
}

func newReporter(log *slog.Logger) reporter {
	return reporter{
		log: log, reported: verdictTable{}, toReport: map[spec.ID]bool{}, causes: map[topicPlace]observe.Cause{}, idle: true,
	}
}

// EndPass reports the state changes at the end of a pass.
func (c *Core) EndPass() {
	c.Counters.Passes++
	if c.lost {
		c.noteUnconfirmed()
		c.lost = !c.Quiet()
	}
	if c.desired.search && !c.desired.partial && !c.plan.dryRun && c.Quiet() && len(c.found.sought)+len(c.found.lookErrors) == 0 {
		c.journal.NoteSearched()
	}
	c.noteTransitions()
	c.report()
	left := map[topicPlace]observe.Cause{}
	for at, by := range c.causes {
		// The cause is needed until the next look there.
		if d := c.domains[at.ns]; d != nil && !(d.lanes[netlinkLane].clean() && d.lanes[programLane].clean()) {
			left[at] = by
		}
	}
	c.causes = left
	c.idle = true
}

// maxHeldEvents is how many events are held back while the cause of the first is not known.
const maxHeldEvents = 128

// note reports an event. It holds the event back if an earlier drift still has no cause: by the end of the pass the
// kernel has named the cause, or never will.
func (c *Core) note(ev Event) {
	ev.Version, ev.Time = 1, c.Now
	c.events = append(c.events, ev)
	if c.events[0].op == nil || len(c.events) >= maxHeldEvents {
		c.report()
	}
}

// report writes the noted events to the log and passes them to the listeners.
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

// noteOp reports that an op succeeded, or why it failed.
func (c *Core) noteOp(op *Op, err error) {
	c.idle = false
	for _, r := range c.records {
		r.add(op, err)
		if twin := c.twinLost(op); twin != nil && err == nil {
			r.add(twin, nil)
		}
	}
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

// noteDrift reports the drift that op repairs, and returns the process that may have caused it.
func (c *Core) noteDrift(op *Op) *observe.Cause {
	id := op.ID()
	by := c.likelyCause(op)
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

// likelyCause returns the process that may have caused the drift that op repairs, from the events since the last
// pass; nil if the kernel named none.
func (c *Core) likelyCause(op *Op) *observe.Cause {
	return c.firstCause(op, func(ns string, t observe.Topic) observe.Cause { return c.causes[topicPlace{ns, t}] })
}

// lateCause does the same from the events that came while linkd was at work: the kernel announces the end of a link
// after everything on it is gone. By then linkd has changed rules itself, so a changed rule generation names no other
// process.
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

// noteTransitions reports the resources whose state differs from that at the end of the last pass. A change that was
// reverted within the pass is not reported.
func (c *Core) noteTransitions() {
	if c.reportAll {
		// The desired state has changed since the last pass.
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
		v, judged := c.verdictOf.get(id)
		if c.failed[id] = v; v.State == OK || v.State == Pending || !judged {
			delete(c.failed, id)
		}
		was, shown := c.reported.get(id)
		switch {
		case judged && shown && was == v:
			continue
		case judged:
			c.reported.set(id, v)
		case shown:
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

// isUndecided reports whether the state of a resource is not known yet: an op is changing it, nobody has looked at it
// since an op, or nobody has looked since the desired state changed.
func (c *Core) isUndecided(id spec.ID) bool {
	v, judged := c.verdictOf.get(id)
	if c.desired.set.Get(id) == nil {
		return c.plan.tasks[id] != nil
	}
	return !judged || v.State == OK && c.notOK.has(id) && !c.plan.onlyPlanned
}

// noteNamespace reports that a namespace has appeared or disappeared. linkd's own always exists.
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
