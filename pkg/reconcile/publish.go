package reconcile

import (
	"slices"
	"time"
)

// due returns when the status must be published or due must be called again; zero if there is nothing to publish.
func (l *Loop) due(now time.Time) time.Time {
	e := l.Engine
	settled := e.Settled()
	if l.status == nil && !settled {
		// The first status must be complete.
		return now.Add(publishPause)
	}
	due := l.cadence.due(settled)
	for _, q := range l.asked {
		if e.Quiet() {
			return now
		}
		due = earliest(due, q.until)
	}
	return due
}

// publish publishes the status if it is due, and answers the questions.
func (l *Loop) publish() {
	e := l.Engine
	now := e.now()
	l.cadence.note(now, e.dirtied, e.unfinished())
	e.dirtied = false
	if due := l.due(now); due.IsZero() || due.After(now) {
		return
	}
	e.EndPass()
	status, rows := e.status(l.files)
	if !l.cadence.since.IsZero() {
		status.Took = now.Sub(l.cadence.since)
	}
	status.Warnings = append(status.Warnings, l.warnings...)
	switch {
	case l.leftOut:
		status.State = Degraded
	case l.untold && status.State == Converged:
		status.State = Converging
	}
	l.cadence.published(now, e.now().Sub(now), e.unfinished())
	l.mu.Lock()
	l.status, l.rows = status, rows
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	l.OnStatus(status)
	quiet := e.Quiet()
	if quiet {
		e.EndRecord(l.unreported.record)
	}
	l.asked = slices.DeleteFunc(l.asked, func(q *question) bool {
		if !quiet && now.Before(q.until) {
			return false
		}
		q.status, _ = l.Status()
		l.endRecord(q.record)
		close(q.done)
		return true
	})
}

// Status returns the status after the last pass, or nil before the first, and a channel that is closed when there is
// a newer status.
func (l *Loop) Status() (*Status, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status != nil && l.status.Resources == nil {
		l.status.Resources = flatten(l.rows)
	}
	return l.atThisMoment(l.status), l.changed
}
