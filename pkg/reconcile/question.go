package reconcile

import (
	"context"
	"time"
)

// question is somebody's who waits for an answer until what was begun is done, or until then.
type question struct {
	until  time.Time
	loaded Loaded
	status *Status
	done   chan struct{}
}

func newQuestion() *question { return &question{done: make(chan struct{})} }

// Check has the loop look at the files and at everything else now, and returns how it stands then: events and files
// may be on their way when somebody asks whether all is well.
func (l *Loop) Check(ctx context.Context) *Status {
	q, err := l.ask(ctx, l.checks)
	if err != nil {
		return nil
	}
	return q.status
}

// Reload reads the files again and returns when that has been acted upon, but for namespaces that do not keep up.
func (l *Loop) Reload(ctx context.Context) (Loaded, *Status, error) {
	q, err := l.ask(ctx, l.reloads)
	if err != nil {
		return Loaded{}, nil, err
	}
	return q.loaded, q.status, nil
}

func (l *Loop) ask(ctx context.Context, whom chan *question) (*question, error) {
	q := newQuestion()
	select {
	case whom <- q:
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
