package reconcile

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// trial is how often a resource was tried or corrected, and when it may be again.
type trial struct {
	failures    int
	again       bool // it failed, and was tried again at once
	corrections []time.Time
	until       time.Time
	verdict     Verdict
	undoneBy    string
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
	// A resource that has to be corrected more often than this within flapWindow is flapping.
	flapCount  = 5
	flapWindow = time.Minute
)

func (e *Engine) trial(id spec.ID) *trial {
	t := e.trials[id]
	if t == nil {
		t = &trial{}
		e.trials[id] = t
	}
	return t
}

func (e *Engine) fail(op *Op, err error) {
	id := op.ID()
	v := Verdict{Failed, err.Error()}
	t := e.trial(id)
	wait := firstRetry << min(t.failures, 10)
	if errors.Is(err, observe.ErrPending) {
		// Mostly it is a matter of seconds, an IPv6 address that is tentative for one or two, and apply waits for three.
		v.State = Pending
		wait = firstRetry << min(t.failures/2, 10)
	}
	if t.failures == 0 && errors.Is(err, unix.ENODEV) {
		// An interface was replaced since the look, so it is looked at again at once.
		wait = 0
	}
	t.failures++
	t.until = e.now().Add(min(wait, lastRetry))
	t.verdict = v
	if !op.onlyMarked {
		e.judge(id, v)
	}
}

// noteCorrections counts, before the plan is carried out, the resources that were right and are not any more though
// nobody asked for another state; the ones for which that happens again and again are held back.
func (e *Engine) noteCorrections(plan Plan) (rest Plan) {
	now := e.now()
	for _, op := range plan {
		id := op.ID()
		if op.Want == nil || op.forget || op.again || op.moved() || !e.reached[id] {
			rest = append(rest, op)
			continue
		}
		t := e.trial(id)
		e.Counters.Corrections++
		t.corrections = append(t.corrections, now)
		for len(t.corrections) > 0 && now.Sub(t.corrections[0]) > flapWindow {
			t.corrections = t.corrections[1:]
		}
		if by := e.noteDrift(op); by != nil {
			t.undoneBy = ", " + by.String()
		}
		if extra := len(t.corrections) - flapCount; extra > 0 {
			t.until = now.Add(min(time.Second<<min(extra, 6), lastRetry))
			t.verdict = Verdict{Flapping, fmt.Sprintf("corrected %d times within a minute, and undone again%s", len(t.corrections)-1, t.undoneBy)}
			e.judge(id, t.verdict)
			delete(e.reached, id)
			continue
		}
		rest = append(rest, op)
	}
	return rest
}

// held are the resources whose time to be tried again has not come.
func (e *Engine) held() map[spec.ID]Verdict {
	held := map[spec.ID]Verdict{}
	now := e.now()
	for id, t := range e.trials {
		if t.until.After(now) {
			held[id] = t.verdict
		}
	}
	return held
}

// worthRetrying is how often something that failed is tried again by who will not stay to see it succeed: what one op
// takes from another, an address its route, is given back by the next pass.
const worthRetrying = 3

// Retrying tells whether something that was tried is worth trying again soon, rather than waiting for it.
func (e *Engine) Retrying() bool {
	for id, t := range e.trials {
		if t.failures > 0 && (e.verdicts[id].State == Pending || t.failures < worthRetrying) {
			return true
		}
	}
	return false
}

// NextTry is when something that failed, is missing or could not be looked at is to be tried again; ok is false where
// nothing is.
func (e *Engine) NextTry() (next time.Time, ok bool) {
	now := e.now()
	for _, t := range e.trials {
		if t.until.After(now) && (!ok || t.until.Before(next)) {
			next, ok = t.until, true
		}
	}
	if len(e.missing)+len(e.blind) == 0 {
		e.searches = 0
		return next, ok
	}
	// A named namespace is announced by its file, and is mounted a moment later without a word; a process that starts
	// is not announced at all.
	pause := lastRetry
	for name := range e.missing {
		if e.declared[name].Selector.ByPID() {
			pause = processSearch
		}
	}
	if search := now.Add(min(firstSearch<<min(e.searches, 20), pause)); !ok || search.Before(next) {
		next, ok = search, true
	}
	e.searches++
	return next, ok
}

const (
	// firstSearch is the first pause before a missing namespace is looked for again.
	firstSearch = 5 * time.Millisecond
	// processSearch is the longest where a process is what is missing: to read /proc takes a millisecond or so.
	processSearch = 250 * time.Millisecond
)
