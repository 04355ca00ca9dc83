package reconcile

import (
	"context"
	"fmt"
	"hash/maphash"
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

// eventCounts are the numbers of similar lines in this period, which begins with its first line. It ends for all lines at once: with
// 10,000 namespaces, a timer for each kind of line would wake the daemon 50,000 times.
type eventCounts struct {
	mu    sync.Mutex
	after func(time.Duration, func()) *time.Timer
	timer *time.Timer
	// count counts similar lines by a hash of what they have in common, because there may be 50,000 kinds of them.
	seed    maphash.Seed
	count   map[uint64]int
	omitted map[sameEvent]omission
}

// sameEvent is what similar lines have in common.
type sameEvent struct{ netns, kind, event, op, state string }

// omission is how many similar lines were left out. Level and to are those of the last one.
type omission struct {
	lines int
	level slog.Level
	to    slog.Handler
}

// NewLogLimit makes a handler that passes lines on to another one. Call Flush before the program ends.
func NewLogLimit(to slog.Handler) *LogLimit {
	counts := &eventCounts{after: time.AfterFunc, seed: maphash.MakeSeed()}
	counts.begin()
	return &LogLimit{to, counts}
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
	if !is || l.Enabled(ctx, slog.LevelDebug) || l.admit(about, r.Level, l.Handler) {
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
func (a *eventCounts) admit(about sameEvent, level slog.Level, to slog.Handler) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer == nil {
		a.timer = a.after(logPeriod, a.end)
	}
	kind := maphash.Comparable(a.seed, about)
	if a.count[kind]++; a.count[kind] <= maxSameEvents {
		return true
	}
	a.omitted[about] = omission{a.omitted[about].lines + 1, level, to}
	return false
}

// end ends the period and logs how many lines were left out.
func (a *eventCounts) end() {
	a.mu.Lock()
	omitted := a.omitted
	a.begin()
	a.mu.Unlock()
	for about, o := range omitted {
		about.logOmitted(o)
	}
}

// begin begins a period.
func (a *eventCounts) begin() {
	a.timer, a.count, a.omitted = nil, map[uint64]int{}, map[sameEvent]omission{}
}

// logOmitted logs how many similar lines were left out.
func (a sameEvent) logOmitted(o omission) {
	message := fmt.Sprintf("%s: %d more of kind %s in namespace %s", a.text(), o.lines, a.kind, a.netns)
	r := slog.NewRecord(time.Now(), o.level, message, 0)
	for _, attr := range []slog.Attr{slog.String("netns", a.netns), slog.String("op", a.op), slog.String("state", a.state)} {
		if attr.Value.String() != "" {
			r.AddAttrs(attr)
		}
	}
	_ = o.to.Handle(context.Background(), r)
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

// Flush ends the period.
func (a *eventCounts) Flush() {
	a.mu.Lock()
	if a.timer != nil {
		a.timer.Stop()
	}
	a.mu.Unlock()
	a.end()
}
