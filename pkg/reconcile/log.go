package reconcile

import (
	"context"
	"log/slog"
	"strings"
)

// logEvent logs an event: one line for each op, each drift, and each transition, except the transition to ok of a
// resource that an op has just made.
func logEvent(log *slog.Logger, ev *Event) {
	level, message, at := slog.LevelInfo, ev.Reason, ev.Time
	switch ev.Event {
	case OpDone:
		if ev.Error != "" {
			// The transition to failed or pending logs the error.
			return
		}
		message = ev.opText
	case Drift:
		message = ev.drifted()
		if ev.By != nil {
			message += ", " + ev.By.String()
		}
	case Transition:
		switch {
		case State(ev.State) == OK && ev.Reason != "":
			level = slog.LevelWarn
		case State(ev.State) == OK && ev.Was != "" && State(ev.Was) != OK:
			message = "resource is ok"
		case State(ev.State) == OK, State(ev.State) == Gone:
			return
		case State(ev.State) != Pending:
			level = slog.LevelWarn
		}
	case Namespace:
		level, message = slog.LevelDebug, "namespace is "+ev.State
	case File:
		message = "file is " + ev.State
		switch {
		case ev.Error != "":
			level, message = slog.LevelWarn, "file is not valid"
		case ev.Was == "" || ev.Was == "loaded":
			level = slog.LevelDebug
		}
	case Reload:
		switch message = "the files were read"; ev.State {
		case "invalid":
			// The line of each file has the error.
			level, message = slog.LevelWarn, "some files are not valid"
			ev = &Event{}
		case "failed":
			level, message = slog.LevelWarn, "cannot read the files: linkd keeps the present state"
		}
	case ProbeChanged:
		message = "probe " + ev.Probe + " is " + ev.State
		if ev.State == string(Failed) {
			level, message = slog.LevelWarn, message+": "+ev.Reason
		}
	case TrialEvent:
		message = "trial " + ev.State + ": " + ev.Reason
	case Overrun:
		level, message = slog.LevelWarn, "the kernel dropped events: looking at everything"
	}
	ctx := ev.withLimit(context.Background())
	if !log.Enabled(ctx, level) {
		return
	}
	// The event may have happened a while ago.
	r := slog.NewRecord(at, level, message, 0)
	r.AddAttrs(ev.attributes()...)
	_ = log.Handler().Handle(ctx, r)
}

// attributes returns the attributes of the event's log line.
func (ev *Event) attributes() (attrs []slog.Attr) {
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("id", ev.ID)
	add("netns", ev.Namespace)
	add("op", ev.Op)
	add("state", ev.State)
	if ev.Event == OpDone || ev.Event == Drift {
		add("why", (&Op{Why: ev.Fields, Because: ev.Reason}).reason())
	}
	add("file", strings.TrimSpace(ev.Path+ev.Source))
	add("error", ev.Error)
	if ev.Count != 0 {
		attrs = append(attrs, slog.Int("overruns", ev.Count))
	}
	return attrs
}
