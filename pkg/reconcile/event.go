package reconcile

import (
	"fmt"
	"strings"
	"time"

	"linkd/pkg/observe"
)

// EventKind is a kind of Event.
type EventKind string

// The kinds of events. Listening, Missed and Stopping are about the stream itself.
const (
	// Listening: who asked for events gets all that happen from now on.
	Listening EventKind = "listening"
	// Transition: a resource stands otherwise than before.
	Transition EventKind = "state"
	// OpDone: an op was done, or failed.
	OpDone EventKind = "op"
	// Drift: a resource that was as wanted is not so any more, though nobody asked for another state.
	Drift EventKind = "drift"
	// Namespace: a namespace that the files name, or in which linkd left something, has come or gone.
	Namespace EventKind = "namespace"
	// File: a file has another state, or another error, than at the last load.
	File EventKind = "file"
	// Reload: the files were read.
	Reload EventKind = "reload"
	// Overrun: the kernel dropped messages, so linkd looks at everything.
	Overrun EventKind = "overrun"
	// Missed: the reader was so slow that events were dropped.
	Missed EventKind = "missed"
	// Stopping: the daemon ends, and the wiring stays.
	Stopping EventKind = "stopping"
)

// Gone is the state of a resource of which nothing is wanted any more and nothing is left.
const Gone State = "gone"

// Event is something that happened, in the JSON form that `linkd events` promises: which of the fields there are
// depends on the kind, see docs/observing.md.
type Event struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Event   EventKind `json:"event"`
	// ID is the resource's.
	ID string `json:"id,omitempty"`
	// Namespace is the name of the one that has come or gone.
	Namespace string `json:"namespace,omitempty"`
	// Path is the file's.
	Path string `json:"path,omitempty"`
	// State is how the resource, the namespace, the file or the whole stands now, and Was how it stood.
	State string `json:"state,omitempty"`
	Was   string `json:"was,omitempty"`
	// Op is what was done, or has to be, and Fields what that changes.
	Op     string  `json:"op,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	// Reason says why; Error is what went wrong.
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
	// Source is where the files ask for the resource.
	Source string `json:"source,omitempty"`
	// By is who may have undone what linkd had done.
	By *observe.Cause `json:"by,omitempty"`
	// Count is the number of events missed, or of overruns since the start.
	Count int `json:"count,omitempty"`

	kind   string // of the resource
	opText string // what was done, in a word of linkd's own
	op     *Op    // of a drift for which nobody is known yet
}

// Kind is the kind of the resource that the event is about, and "" where it is about none.
func (ev *Event) Kind() string { return ev.kind }

// About tells whether somebody who asks for the resources with these IDs wants to hear of it: everybody wants to know
// about the stream.
func (ev *Event) About(ids map[string]bool) bool {
	switch ev.Event {
	case Listening, Missed, Stopping:
		return true
	}
	return len(ids) == 0 || ids[ev.ID]
}

// drifted is what has become of a resource, by what has to be done about it.
func (ev *Event) drifted() string {
	if ev.Op == Create.String() {
		return "is gone"
	}
	return "has changed"
}

// String is the event in a line, without its time.
func (ev *Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s ", ev.Event)
	switch ev.Event {
	case Listening, Reload:
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
	case File:
		b.WriteString(ev.Path + " " + ev.State)
	case Overrun:
		fmt.Fprintf(&b, "the kernel dropped messages; overruns since the start: %d", ev.Count)
	case Missed:
		fmt.Fprintf(&b, "%d events: this reader is too slow", ev.Count)
	case Stopping:
		b.WriteString("the daemon; the wiring stays")
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
