package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	// maxSameEvents is how many similar lines the log gets per logPeriod: lines with the same sameEvent.
	maxSameEvents = 15
	logPeriod     = time.Minute
)

// LogLimit is a slog.Handler that limits how much one namespace can make linkd log: whoever can make 50,000 routes
// there that look like linkd's could fill the disk. After maxSameEvents similar lines it only counts them, and logs
// the number at the end of the period. `linkd events` shows all of them, and so does the log at level debug.
type LogLimit struct {
	slog.Handler
	*eventCounts
}

// eventCounts are the numbers of similar lines in this period.
type eventCounts struct {
	mu    sync.Mutex
	after func(time.Duration, func()) *time.Timer
	count map[sameEvent]*eventCount
}

// sameEvent is what similar lines have in common.
type sameEvent struct{ netns, kind, event, op, state string }

type eventCount struct {
	lines int
	last  slog.Record
	to    slog.Handler
	timer *time.Timer
}

// NewLogLimit makes a handler that passes lines on to another one. Call Flush before the program ends.
func NewLogLimit(to slog.Handler) *LogLimit {
	return &LogLimit{to, &eventCounts{after: time.AfterFunc, count: map[sameEvent]*eventCount{}}}
}

type sameEventKey struct{}

// withLimit returns the context for the log line of an event.
func (ev *Event) withLimit(ctx context.Context) context.Context {
	if ev.kind == "" {
		return ctx
	}
	netns, _, _ := strings.Cut(ev.ID, "/"+ev.kind+"/")
	return context.WithValue(ctx, sameEventKey{}, sameEvent{netns, ev.kind, string(ev.Event), ev.Op, ev.State})
}

// Handle passes a record on unless its event is over the limit.
func (l *LogLimit) Handle(ctx context.Context, r slog.Record) error {
	about, is := ctx.Value(sameEventKey{}).(sameEvent)
	if !is || l.Enabled(ctx, slog.LevelDebug) || l.admit(about, r, l.Handler) {
		return l.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs returns a handler with the same counts.
func (l *LogLimit) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &LogLimit{l.Handler.WithAttrs(attrs), l.eventCounts}
}

// WithGroup returns a handler with the same counts.
func (l *LogLimit) WithGroup(name string) slog.Handler {
	return &LogLimit{l.Handler.WithGroup(name), l.eventCounts}
}

// admit counts a line and reports whether it is within the limit.
func (a *eventCounts) admit(about sameEvent, r slog.Record, to slog.Handler) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.count[about]
	if c == nil {
		c = &eventCount{timer: a.after(logPeriod, func() { a.end(about) })}
		a.count[about] = c
	}
	c.lines++
	c.last, c.to = r, to
	return c.lines <= maxSameEvents
}

// end ends the period of similar lines and logs how many of them were left out.
func (a *eventCounts) end(about sameEvent) {
	a.mu.Lock()
	c := a.count[about]
	delete(a.count, about)
	a.mu.Unlock()
	if c == nil || c.lines <= maxSameEvents {
		return
	}
	message := fmt.Sprintf("%s: %d more of kind %s in namespace %s", about.text(), c.lines-maxSameEvents, about.kind, about.netns)
	r := slog.NewRecord(time.Now(), c.last.Level, message, 0)
	for _, a := range []slog.Attr{slog.String("netns", about.netns), slog.String("op", about.op), slog.String("state", about.state)} {
		if a.Value.String() != "" {
			r.AddAttrs(a)
		}
	}
	_ = c.to.Handle(context.Background(), r)
}

// text describes the lines.
func (a sameEvent) text() string {
	switch {
	case EventKind(a.event) == Drift:
		return (&Event{Op: a.op}).drifted()
	case a.op != "":
		return a.op
	}
	return a.state
}

// Flush ends all periods.
func (a *eventCounts) Flush() {
	a.mu.Lock()
	var all []sameEvent
	for about, c := range a.count {
		c.timer.Stop()
		all = append(all, about)
	}
	a.mu.Unlock()
	for _, about := range all {
		a.end(about)
	}
}
