package web

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"linkd/pkg/control"
	"linkd/pkg/pause"
	"linkd/pkg/reconcile"
)

const (
	// redrawPause is the shortest time between two states. Nobody reads faster, and a status of thousands of resources costs the
	// daemon time.
	redrawPause = 200 * time.Millisecond
	// reconnectPause is the time between two attempts to reach a daemon that does not answer.
	reconnectPause = 200 * time.Millisecond
	// lookPause is the shortest time between two looks at the machine. A look that took longer is followed by a pause of lookShare
	// times that, so that looks take little of a processor.
	lookPause = 5 * time.Second
	lookShare = 20
	// lingerTime is how long the feed follows the daemon after the last page was closed: a page that is loaded again has no gap.
	lingerTime = 10 * time.Second
)

// Feed follows the daemon for all pages together, while there is any. All methods may be called from any goroutine.
type Feed struct {
	client  *control.Client
	machine Machine

	mu       sync.Mutex
	pages    int
	opened   chan struct{}
	state    State
	changed  chan struct{}
	timeline timeline
}

// State is what the feed knows. Nobody changes it.
type State struct {
	// Revision is another one for each state, and Wired for each wiring. Both are 0 before the first.
	Revision, Wired int
	// Status is the last known status; nil before the first. Gone says why it may be out of date; nil if the daemon answers.
	Status *reconcile.Status
	Gone   error
	Wiring *Wiring
	// Events are the last events, the oldest first, and Since says since when a resource is in its state.
	Events []reconcile.Event
	Since  map[string]time.Time
}

// NewFeed returns a feed, which does nothing before Run.
func NewFeed(client *control.Client, machine Machine) *Feed {
	return &Feed{
		client: client, machine: machine, opened: make(chan struct{}, 1), changed: make(chan struct{}),
		timeline: timeline{since: map[string]time.Time{}},
	}
}

// State returns the state, and a channel that is closed when there is another one.
func (f *Feed) State() (State, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state, f.changed
}

// change changes the state, and tells the pages.
func (f *Feed) change(do func(s *State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(&f.state)
	f.state.Revision++
	close(f.changed)
	f.changed = make(chan struct{})
}

// Open has the feed follow the daemon until close is called.
func (f *Feed) Open() (close func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages++
	f.wake()
	return sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pages--
		if f.pages == 0 {
			time.AfterFunc(lingerTime, f.wake)
		}
	})
}

// wake has Run look whether a page is open.
func (f *Feed) wake() {
	select {
	case f.opened <- struct{}{}:
	default:
	}
}

func (f *Feed) isOpen() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pages > 0
}

// Run follows the daemon while a page is open, until ctx ends.
func (f *Feed) Run(ctx context.Context) {
	var stop context.CancelFunc
	var running sync.WaitGroup
	for {
		select {
		case <-ctx.Done():
			if stop != nil {
				stop()
			}
			running.Wait()
			return
		case <-f.opened:
		}
		switch open := f.isOpen(); {
		case open && stop == nil:
			var following context.Context
			following, stop = context.WithCancel(ctx)
			for _, follow := range []func(context.Context){f.followStatus, f.followEvents, f.look} {
				running.Go(func() { follow(following) })
			}
		case !open && stop != nil:
			stop()
			running.Wait()
			stop = nil
		}
	}
}

// followStatus publishes each new status, and says when the daemon does not answer.
func (f *Feed) followStatus(ctx context.Context) {
	var last *reconcile.Status
	for ctx.Err() == nil {
		var next *reconcile.Status
		var err error
		if last == nil {
			next, err = f.client.Status(ctx)
		} else {
			next, err = f.client.Changed(ctx, last)
		}
		if ctx.Err() != nil {
			return
		}
		if last = next; err != nil {
			f.lose(err)
			pause.For(ctx, reconnectPause)
			continue
		}
		if now, _ := f.State(); now.Gone != nil || !same(now.Status, next) {
			f.change(func(s *State) { s.Status, s.Gone = next, nil })
			f.draw(ctx)
		}
		pause.For(ctx, redrawPause)
	}
}

// same reports whether two statuses differ only in their counters.
func same(a, b *reconcile.Status) bool {
	return a != nil && a.State == b.State && slices.Equal(a.Resources, b.Resources) && slices.Equal(a.Files, b.Files) &&
		slices.Equal(a.Warnings, b.Warnings) && slices.Equal(a.Probes, b.Probes) && reflect.DeepEqual(a.Trial, b.Trial)
}

// lose publishes that the daemon does not answer, once.
func (f *Feed) lose(err error) {
	f.mu.Lock()
	known := f.state.Gone != nil && f.state.Gone.Error() == err.Error()
	f.mu.Unlock()
	if !known {
		f.change(func(s *State) { s.Gone = err })
	}
}

// draw publishes the wiring with the states of the last status.
func (f *Feed) draw(ctx context.Context) {
	now, _ := f.State()
	if now.Status == nil {
		return
	}
	wiring := f.machine.Draw(ctx, now.Status)
	if ctx.Err() != nil || now.Wiring != nil && wiring.same(now.Wiring) {
		return
	}
	f.change(func(s *State) {
		s.Wiring = wiring
		s.Wired++
	})
}

// look looks at the machine again and again.
func (f *Feed) look(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		if f.machine.Look(ctx) {
			f.draw(ctx)
		}
		pause.For(ctx, max(lookPause, lookShare*time.Since(began)))
	}
}

// refresh publishes the status again: the results of probes change without a pass of the daemon.
func (f *Feed) refresh(ctx context.Context) {
	if status, err := f.client.Status(ctx); err == nil {
		f.change(func(s *State) { s.Status = status })
	}
}

// followEvents publishes the events, at first the last ones.
func (f *Feed) followEvents(ctx context.Context) {
	for ctx.Err() == nil {
		_ = f.client.Events(ctx, nil, true, func(ev *reconcile.Event) bool {
			if ev.Event == reconcile.ProbeChanged || ev.Event == reconcile.TrialEvent {
				f.refresh(ctx)
			}
			if f.timeline.add(ev) {
				events, since := slices.Clone(f.timeline.events), f.timeline.known()
				f.change(func(s *State) { s.Events, s.Since = events, since })
			}
			return true
		})
		pause.For(ctx, reconnectPause)
	}
}
