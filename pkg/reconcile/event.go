package reconcile

import (
	"fmt"
	"strings"
	"time"

	"linkd/pkg/observe"
)

// EventKind says what happened.
type EventKind string

// The kinds of events. Listening, Missed and Stopping are about the stream itself.
const (
	// Listening: the listener receives all events from now on.
	Listening EventKind = "listening"
	// Transition: the state of a resource has changed.
	Transition EventKind = "state"
	// OpDone: an op succeeded or failed.
	OpDone EventKind = "op"
	// Drift: a resource that was as desired has changed, though the desired state is the same.
	Drift EventKind = "drift"
	// Namespace: a namespace that the files name, or in which linkd left something, has appeared or disappeared.
	Namespace EventKind = "namespace"
	// File: the state or the error of a file has changed since the last load.
	File EventKind = "file"
	// Reload: linkd read the files.
	Reload EventKind = "reload"
	// TrialEvent: a trial has begun, or ended by being confirmed or reverted.
	TrialEvent EventKind = "trial"
	// ProbeChanged: the result of a declared probe is another one.
	ProbeChanged EventKind = "probe"
	// Overrun: the kernel dropped messages, so linkd looks at everything.
	Overrun EventKind = "overrun"
	// Missed: linkd dropped events because the listener was too slow.
	Missed EventKind = "missed"
	// Stopping: the daemon stops and leaves everything configured.
	Stopping EventKind = "stopping"
)

// Gone is the state of a resource that is no longer desired and no longer exists.
const Gone State = "gone"

// Event is something that happened, in the JSON form that `linkd events` prints. Its kind determines which fields are
// set, see docs/reference/events-and-metrics.md.
type Event struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Event   EventKind `json:"event"`
	// ID is the ID of the resource.
	ID string `json:"id,omitempty"`
	// Namespace is the name of the namespace that appeared or disappeared.
	Namespace string `json:"namespace,omitempty"`
	// Probe is the name of the probe.
	Probe string `json:"probe,omitempty"`
	// Path is the path of the file.
	Path string `json:"path,omitempty"`
	// State and Was are the new and the old state of the resource, the namespace, the file or the load.
	State string `json:"state,omitempty"`
	Was   string `json:"was,omitempty"`
	// Op is the verb of the op that was done or is needed, and Fields are the differences that it removes.
	Op     string  `json:"op,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	// Reason explains the state or the op; Error is the error message.
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
	// Source is the position in the files that declares the resource.
	Source string `json:"source,omitempty"`
	// By is the process that probably undid a change of linkd.
	By *observe.Cause `json:"by,omitempty"`
	// Count is the number of missed events, or of overruns since the start.
	Count int `json:"count,omitempty"`

	kind   string // of the resource
	opText string // the op's Op.text
	op     *Op    // the op of a drift whose cause is not known yet
}

// Kind returns the kind of the event's resource, or "" for an event without a resource.
func (ev *Event) Kind() string { return ev.kind }

// About reports whether a listener for the resources with these IDs receives the event. Events about the stream go to
// every listener.
func (ev *Event) About(ids map[string]bool) bool {
	switch ev.Event {
	case Listening, Missed, Stopping:
		return true
	}
	return len(ids) == 0 || ids[ev.ID]
}

// drifted describes a drift by the op that repairs it.
func (ev *Event) drifted() string {
	if ev.Op == Create.String() {
		return "is gone"
	}
	return "has changed"
}

// String returns the event in one line, without its time.
func (ev *Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s ", ev.Event)
	switch ev.Event {
	case Listening, Reload, TrialEvent:
		b.WriteString(ev.State)
	case Transition:
		switch ev.Was {
		case "":
			b.WriteString(ev.ID + " is " + ev.State)
		case ev.State:
			b.WriteString(ev.ID + " is still " + ev.State)
		default:
			b.WriteString(ev.ID + " was " + ev.Was + ", is " + ev.State)
		}
	case OpDone:
		b.WriteString(ev.Op + " " + ev.ID)
	case Drift:
		b.WriteString(ev.ID + " " + ev.drifted())
	case Namespace:
		b.WriteString(ev.Namespace + " is " + ev.State)
	case ProbeChanged:
		b.WriteString(ev.Probe + " was " + ev.Was + ", is " + ev.State)
	case File:
		b.WriteString(ev.Path + " " + ev.State)
	case Overrun:
		fmt.Fprintf(&b, "the kernel dropped messages; overruns since the start: %d", ev.Count)
	case Missed:
		fmt.Fprintf(&b, "%d events: this reader is too slow", ev.Count)
	case Stopping:
		b.WriteString("the daemon; everything stays configured")
	}
	why := briefly(ev.Fields)
	if ev.Reason != "" {
		why = append(why, ev.Reason)
	}
	if len(why) > 0 {
		b.WriteString("  (" + strings.Join(why, ", ") + ")")
	}
	if ev.By != nil {
		b.WriteString("  " + ev.By.String())
	}
	if ev.Error != "" {
		b.WriteString(": " + strings.ReplaceAll(ev.Error, "\n", "; "))
	}
	if ev.Source != "" {
		b.WriteString("  " + ev.Source)
	}
	return b.String()
}
