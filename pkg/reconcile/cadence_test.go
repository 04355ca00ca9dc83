package reconcile

import (
	"testing"
	"time"
)

func TestCadence(t *testing.T) {
	start := time.Unix(1e9, 0)
	var p cadence
	due := func(what string, settled bool, want time.Time) {
		t.Helper()
		if at := p.due(settled); !at.Equal(want) {
			t.Errorf("%s: due at %v, want %v", what, at, want)
		}
	}
	p.note(start, false, false)
	due("nothing has happened", true, time.Time{})

	// A look that takes no longer than others do is nobody's business.
	p.note(start, false, true)
	due("a look has begun", false, start.Add(behindTime))
	p.note(start.Add(publishPause), false, true)
	due("it is under way", false, start.Add(behindTime))
	published := start.Add(behindTime)
	p.published(published, 0, true)
	due("it is under way still", true, published.Add(behindTime))

	// The last word is published at once, though it is the same.
	done := published.Add(time.Minute)
	p.note(done, false, false)
	if at := p.due(true); at.IsZero() || at.After(done) {
		t.Errorf("done: due at %v, want at most %v", at, done)
	}
	p.published(done, 0, false)
	due("done, and published", true, time.Time{})

	// What was found is published when nothing else is to be done.
	p.note(done, true, true)
	due("something was found", false, done.Add(publishPause))
	p.note(done.Add(time.Millisecond), false, false)
	due("it was put right", true, done)

	// A publication that takes long is rare while there is work, even if nobody but a slow namespace has any.
	const took = time.Second
	p.published(done, took, true)
	due("a look is under way", false, done.Add(publishShare*took))
	p.note(done, true, true)
	due("something was found", false, done.Add(publishShare*took))
	due("something was found in a slow namespace", true, done.Add(publishShare*took))
	p.note(done.Add(time.Millisecond), false, false)
	due("nothing is left to do", true, done)
}
