package web

import (
	"maps"
	"time"

	"linkd/pkg/reconcile"
)

// mostEvents is how many events the timeline keeps.
const mostEvents = 200

// timeline are the events that a page shows, the oldest first. One goroutine uses it.
type timeline struct {
	events []reconcile.Event
	// since is when a resource or a file got into a state that is not ok, by its ID or path.
	since map[string]time.Time
}

// add adds an event, and reports whether it is new and of interest. A new connection repeats the last events.
func (t *timeline) add(ev *reconcile.Event) bool {
	switch ev.Event {
	case reconcile.Listening, reconcile.Missed:
		return false
	case reconcile.OpDone:
		if ev.Error == "" {
			return false
		}
	}
	at := len(t.events)
	for at > 0 && !t.events[at-1].Time.Before(ev.Time) {
		at--
		if before := &t.events[at]; before.Time.Equal(ev.Time) && before.String() == ev.String() {
			return false
		}
	}
	t.note(ev)
	if ev.Event == reconcile.Transition && ev.Was == "" && ev.State == string(reconcile.OK) {
		return false
	}
	at = len(t.events)
	t.events = append(t.events, *ev)
	for ; at > 0 && t.events[at-1].Time.After(t.events[at].Time); at-- {
		t.events[at-1], t.events[at] = t.events[at], t.events[at-1]
	}
	if n := len(t.events); n > mostEvents {
		t.events = t.events[n-mostEvents:]
	}
	return true
}

// note notes since when something is not ok.
func (t *timeline) note(ev *reconcile.Event) {
	of := ""
	switch ev.Event {
	case reconcile.Transition:
		of = ev.ID
	case reconcile.File:
		of = ev.Path
	default:
		return
	}
	switch {
	case ev.State == string(reconcile.OK), ev.State == string(reconcile.Gone), ev.State == "loaded":
		delete(t.since, of)
	case t.since[of].IsZero() || ev.State != ev.Was:
		t.since[of] = ev.Time
	}
}

// known returns a copy of since.
func (t *timeline) known() map[string]time.Time { return maps.Clone(t.since) }
