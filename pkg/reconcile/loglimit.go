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
	// maxSameEvents is how many lines alike the log gets in a logPeriod: about one kind of resource in one namespace, of which
	// the same was done, or became the same.
	maxSameEvents = 15
	logPeriod     = time.Minute
)

// LogLimit is a slog.Handler that bounds what one namespace can make linkd write: whoever can make 50,000 routes there that
// look like linkd's would fill the disk. After mostAlike lines alike it counts the rest of them, and says at the end of the
// period how many there were. `linkd events` has them all, and so has a log of level debug.
type LogLimit struct {
	slog.Handler
	*alikes
}

// alikes are the lines of this period, by what they are about.
type alikes struct {
	mu    sync.Mutex
	after func(time.Duration, func()) *time.Timer
	count map[sameEvent]*counted
}

// sameEvent is what lines have in common.
type sameEvent struct{ netns, kind, event, op, state string }

type counted struct {
	lines int
	last  slog.Record
	to    slog.Handler
	timer *time.Timer
}

// NewLogLimit makes the handler for one that writes. Flush has to be called before the end of the program.
func NewLogLimit(to slog.Handler) *LogLimit {
	return &LogLimit{to, &alikes{after: time.AfterFunc, count: map[sameEvent]*counted{}}}
}

type sameEventKey struct{}

// limited is a context for the line of an event.
func (ev *Event) limited(ctx context.Context) context.Context {
	if ev.kind == "" {
		return ctx
	}
	netns, _, _ := strings.Cut(ev.ID, "/"+ev.kind+"/")
	return context.WithValue(ctx, sameEventKey{}, sameEvent{netns, ev.kind, string(ev.Event), ev.Op, ev.State})
}

// Handle implements slog.Handler.
func (l *LogLimit) Handle(ctx context.Context, r slog.Record) error {
	about, is := ctx.Value(sameEventKey{}).(sameEvent)
	if !is || l.Enabled(ctx, slog.LevelDebug) || l.admit(about, r, l.Handler) {
		return l.Handler.Handle(ctx, r)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (l *LogLimit) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &LogLimit{l.Handler.WithAttrs(attrs), l.alikes}
}

// WithGroup implements slog.Handler.
func (l *LogLimit) WithGroup(name string) slog.Handler {
	return &LogLimit{l.Handler.WithGroup(name), l.alikes}
}

func (a *alikes) admit(about sameEvent, r slog.Record, to slog.Handler) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.count[about]
	if c == nil {
		c = &counted{timer: a.after(logPeriod, func() { a.end(about) })}
		a.count[about] = c
	}
	c.lines++
	c.last, c.to = r, to
	return c.lines <= maxSameEvents
}

// end ends the period of lines alike, and says how many of them were left out.
func (a *alikes) end(about sameEvent) {
	a.mu.Lock()
	c := a.count[about]
	delete(a.count, about)
	a.mu.Unlock()
	if c == nil || c.lines <= maxSameEvents {
		return
	}
	message := fmt.Sprintf("%s: %d more of kind %s in namespace %s", about.word(), c.lines-maxSameEvents, about.kind, about.netns)
	r := slog.NewRecord(time.Now(), c.last.Level, message, 0)
	for _, a := range []slog.Attr{slog.String("netns", about.netns), slog.String("op", about.op), slog.String("state", about.state)} {
		if a.Value.String() != "" {
			r.AddAttrs(a)
		}
	}
	_ = c.to.Handle(context.Background(), r)
}

// word is what the lines say.
func (a sameEvent) word() string {
	switch {
	case EventKind(a.event) == Drift:
		return (&Event{Op: a.op}).drifted()
	case a.op != "":
		return a.op
	}
	return a.state
}

// Flush says what is still to be said.
func (a *alikes) Flush() {
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
