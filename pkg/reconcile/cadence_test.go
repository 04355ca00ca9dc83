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

	// What has to be looked at comes with no other news than that.
	p.note(start, false, true)
	due("a look has begun", false, start.Add(publishPause))
	p.note(start.Add(publishPause), false, true)
	due("it is under way", false, start.Add(publishPause))
	published := start.Add(publishPause)
	p.published(published, false, true)
	due("it is under way still", false, published.Add(publishPause))
	due("it keeps nobody waiting from now on", true, published.Add(publishPause))
	p.published(published, true, true)
	due("it keeps nobody waiting", true, published.Add(behindTime))

	// The last word is published at once, though it is the same.
	done := published.Add(time.Minute)
	p.note(done, false, false)
	if at := p.due(true); at.IsZero() || at.After(done) {
		t.Errorf("done: due at %v, want at most %v", at, done)
	}
	p.published(done, true, false)
	due("done, and published", true, time.Time{})

	// What was found is published when nothing else is to be done.
	p.note(done, true, true)
	due("something was found", false, done.Add(publishPause))
	p.note(done.Add(time.Millisecond), false, false)
	due("it was put right", true, done)
}
