package reconcile

import (
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// Listen returns a listener for all events from now on, or for those about the resources with these IDs.
func (l *Loop) Listen(ids []string, recent bool) (*Listener, error) {
	return l.feed.Listen(ids, recent)
}

func (l *Loop) report(events []Event) {
	if l.OnEvents != nil {
		l.OnEvents(events)
	}
	l.feed.publish(events)
}

// noteFiles reports each file whose state or error has changed since the last load.
func (l *Loop) noteFiles(loaded Loaded) {
	if loaded.Err != nil {
		return
	}
	before := map[string]spec.FileState{}
	for _, f := range l.files {
		before[f.Path] = f
	}
	for _, f := range loaded.Files {
		was := before[f.Path]
		if f != was {
			l.Engine.note(Event{Event: File, Path: plain.Text(f.Path), State: f.State, Was: was.State, Error: printable(f.Error)})
		}
		delete(before, f.Path)
	}
	for _, f := range l.files {
		if _, gone := before[f.Path]; gone {
			l.Engine.note(Event{Event: File, Path: plain.Text(f.Path), State: string(Gone), Was: f.State})
		}
	}
}

// noteReload reports the outcome of reading the files.
func (l *Loop) noteReload(loaded Loaded) {
	ev := Event{Event: Reload, State: "ok"}
	switch {
	case loaded.Err != nil:
		ev.State, ev.Error = "failed", printable(loaded.Err.Error())
	case len(loaded.Errors) > 0:
		ev.State, ev.Error = "invalid", printable(loaded.Errors.Error())
	}
	l.Engine.note(ev)
}

// printable returns a text of several lines with the control characters of each line escaped.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = plain.Text(lines[i])
	}
	return strings.Join(lines, "\n")
}
