package reconcile

import (
	"context"
	"time"
)

// question is a request of a command. It is answered when the work that was begun is done, or at until.
type question struct {
	until  time.Time
	loaded Loaded
	status *Status
	// record is what is done for a reload; nil for a check.
	record *Record
	done   chan struct{}
}

// Reloaded is the outcome of a reload.
type Reloaded struct {
	Loaded
	Status *Status
	// Changes are the ops that were done, and More is the number of further ones that were not recorded.
	Changes []Change
	More    int
}

func newQuestion() *question { return &question{done: make(chan struct{})} }

// Check looks at the files and at everything else, and returns the status after that. It covers events and file
// changes that have not arrived yet.
func (l *Loop) Check(ctx context.Context) *Status {
	q, err := l.ask(ctx, l.checks)
	if err != nil {
		return nil
	}
	return q.status
}

// Reload reads the files again and returns when the change has been applied, except in namespaces that do not keep
// up.
func (l *Loop) Reload(ctx context.Context) (*Reloaded, error) {
	q, err := l.ask(ctx, l.reloads)
	if err != nil {
		return nil, err
	}
	changes, more := q.record.Changes()
	return &Reloaded{q.loaded, q.status, changes, more}, nil
}

func (l *Loop) ask(ctx context.Context, queue chan *question) (*question, error) {
	q := newQuestion()
	select {
	case queue <- q:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-q.done:
		return q, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
