package reconcile

import (
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// mostHeld is how many events wait at most for the kernel to say who did what one of them is about.
const mostHeld = 128

// note tells of an event, unless one waits to be told before it: of a drift for which nobody is known yet. By the end of the
// pass the kernel has said who it was, or it does not.
func (e *Engine) note(ev Event) {
	ev.Version, ev.Time = 1, e.now()
	e.events = append(e.events, ev)
	if e.events[0].op == nil || len(e.events) >= mostHeld {
		e.tell()
	}
}

// tell says what has been noted: to the log, and to who listens.
func (e *Engine) tell() {
	if len(e.events) == 0 {
		return
	}
	for i := range e.events {
		ev := &e.events[i]
		if ev.op != nil {
			ev.By = e.late(ev.op)
			ev.op = nil
		}
		logEvent(e.log, ev)
	}
	if e.Tell != nil {
		e.Tell(e.events)
	}
	clear(e.events)
	e.events = e.events[:0]
}

// noteOp notes that an op was done, or why it failed.
func (e *Engine) noteOp(op *Op, err error) {
	id := op.ID()
	ev := Event{
		Event: Deed, ID: plain.Text(id.String()), Op: op.Verb.String(), Fields: op.Why, Reason: plain.Text(op.Because),
		Source: e.origin(id), kind: id.Kind, deed: op.deed(),
	}
	if err != nil {
		ev.Error = plain.Text(err.Error())
	}
	e.note(ev)
}

// noteDrift notes that what op corrects was all right, and returns who may have undone it.
func (e *Engine) noteDrift(op *Op) *observe.Cause {
	id := op.ID()
	by := e.culprit(op)
	if by == nil && e.Late != nil && e.idle {
		by = e.firstCause(op, e.Late)
	}
	ev := Event{
		Event: Drift, ID: plain.Text(id.String()), Op: op.Verb.String(), Fields: op.Why, Reason: plain.Text(op.Because),
		Source: e.origin(id), By: by, kind: id.Kind,
	}
	if by == nil {
		ev.op = op
	}
	e.note(ev)
	return by
}

// culprit is who may have undone what op corrects, by the news of such things there since the last pass; nil where the
// kernel does not tell.
func (e *Engine) culprit(op *Op) *observe.Cause {
	return e.firstCause(op, func(ns string, t observe.Topic) observe.Cause { return e.news[newsPlace{ns, t}] })
}

// late is the same by the news that came while linkd was at work: the kernel tells of the end of a link when all that was
// on it is gone. By then linkd has made rules of its own, so a new generation of those is no news of others.
func (e *Engine) late(op *Op) *observe.Cause {
	if e.Late == nil {
		return nil
	}
	by := e.firstCause(op, e.Late)
	if by == nil || by.Named {
		return nil
	}
	return by
}

func (e *Engine) firstCause(op *Op, of func(ns string, t observe.Topic) observe.Cause) *observe.Cause {
	for _, t := range op.kind.Hears {
		if c := of(op.ID().NS, t); c != (observe.Cause{}) {
			c.Command = plain.Text(c.Command)
			return &c
		}
	}
	return nil
}

// noteTransitions tells how the resources stand that stood otherwise at the end of the last pass. What flaps within a
// pass, because it was tried twice, is nobody's business.
func (e *Engine) noteTransitions() {
	if e.recount {
		// Other things are wanted than at the last pass.
		for id := range e.told {
			e.unsettled[id] = true
		}
		e.recount = false
	}
	for _, id := range slices.SortedFunc(maps.Keys(e.unsettled), spec.ID.Compare) {
		v, judged := e.verdicts[id]
		was, told := e.told[id]
		switch {
		case judged && told && was == v:
			continue
		case judged:
			e.told[id] = v
		case told:
			v = Verdict{State: Gone}
			delete(e.told, id)
		default:
			continue
		}
		e.note(Event{
			Event: Transition, ID: plain.Text(id.String()), State: string(v.State), Was: string(was.State),
			Reason: plain.Text(v.Reason), Source: e.origin(id), kind: id.Kind,
		})
	}
	clear(e.unsettled)
}

// noteNamespace notes that a namespace has come or gone; linkd's own is always there.
func (e *Engine) noteNamespace(name, state string, err error) {
	if name == spec.Host {
		return
	}
	ev := Event{Event: Namespace, Namespace: plain.Text(name), State: state}
	if err != nil {
		ev.Reason = plain.Text(err.Error())
	}
	e.note(ev)
}
