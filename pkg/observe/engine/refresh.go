package engine

import (
	"context"
	"errors"

	"linkd/pkg/observe"
)

// refresh asks the engine for the state of a target, and reports whether it has changed. The error is errEngine.
func (f *Finder) refresh(ctx context.Context, t *target) (changed bool, _ error) {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	f.mu.Lock()
	starts := t.starts
	f.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	c, err := f.inspect(limited, t.value)
	if ctx.Err() != nil {
		return false, nil
	}
	if err == nil {
		f.cgroups.learn(c.id, c.pid)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, errEngine) {
		f.unreachable = err
		if t.state == (state{}) {
			t.err = f.noAnswer(err)
		}
		return false, err
	}
	f.unreachable = nil
	if t.starts != starts {
		// The container started meanwhile, so this answer may be out of date. Another request is on its way.
		return false, nil
	}
	if t.unconfirmed && err == nil && t.id == c.id && t.pid == c.pid {
		t.state = c
		return false, nil
	}
	changed = t.state != c || (t.err == nil) != (err == nil) || (err != nil && err.Error() != t.err.Error())
	t.state, t.err = c, err
	if !t.isKnown() {
		close(t.answered)
		changed = true
	}
	return changed, nil
}

// errEngine means that the engine failed. It does not mean that the container does not exist.
var errEngine = errors.New("no answer")

// engineError is an error of an engine. It is errEngine.
type engineError struct{ error }

func (e engineError) Unwrap() error { return e.error }

func (engineError) Is(target error) bool { return target == errEngine }

// inspect asks the engine for a running container. The error is errEngine if the engine fails, otherwise observe.ErrPending.
func (f *Finder) inspect(ctx context.Context, value string) (state, error) {
	s, err := f.engine.inspect(ctx, value)
	switch {
	case errors.Is(err, errUnknown):
		return state{}, observe.Pendingf("%s has no %s %s", f.name, f.noun, value)
	case err != nil:
		return state{}, engineError{err}
	case s.pid == 0:
		return state{}, observe.Pendingf("%s %s is %s", f.noun, s.name, s.status)
	}
	// Without it the process counts as unknown while the engine does not answer.
	s.born, _ = observe.StartedAt(s.pid)
	return s, nil
}
