package engine

import (
	"context"
	"errors"

	"linkd/pkg/observe"
)

// inquire asks the engine for a target, and tells whether the answer is another than before. An error is errUnanswered.
func (f *Finder) inquire(ctx context.Context, t *target) (news bool, _ error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	f.mu.Lock()
	starts := t.starts
	f.mu.Unlock()
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := f.ask(asking, t.value)
	if ctx.Err() != nil {
		return false, nil
	}
	if err == nil {
		f.groups.learn(c.id, c.pid)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, errUnanswered) {
		f.down = err
		if t.state == (state{}) {
			t.err = f.silent(err)
		}
		return false, err
	}
	f.down = nil
	if t.starts != starts {
		// It started meanwhile: this may be how it stood before that, for which there is another inquiry.
		return false, nil
	}
	if t.unconfirmed && err == nil && t.id == c.id && t.pid == c.pid {
		t.state = c
		return false, nil
	}
	news = t.state != c || (t.err == nil) != (err == nil) || (err != nil && err.Error() != t.err.Error())
	t.state, t.err = c, err
	if !t.known() {
		close(t.answered)
		news = true
	}
	return news, nil
}

// errUnanswered: it was the engine that failed, not the container that is not there.
var errUnanswered = errors.New("no answer")

type unanswered struct{ error }

func (unanswered) Is(target error) bool { return target == errUnanswered }

// ask asks the engine for a container that runs.
func (f *Finder) ask(ctx context.Context, value string) (state, error) {
	s, err := f.engine.ask(ctx, value)
	switch {
	case errors.Is(err, errUnknown):
		return state{}, observe.Pendingf("%s has no %s %s", f.name, f.thing, value)
	case err != nil:
		return state{}, unanswered{err}
	case s.pid == 0:
		return state{}, observe.Pendingf("%s %s is %s", f.thing, s.name, s.is)
	}
	return s, nil
}
