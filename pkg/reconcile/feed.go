package reconcile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Feed passes events to listeners. Publishing never waits for a listener: each one has a buffer, and gets only the
// number of events that did not fit.
type Feed struct {
	mu        sync.Mutex
	listeners []*Listener
	ended     bool
	// recent are the last events that deserve attention, at least mostRecent of them, the oldest first.
	recent []Event
}

const (
	// mostEvents is the capacity of a listener's buffer; it takes about half a mebibyte.
	mostEvents = 2048
	// mostListeners limits the memory of all buffers.
	mostListeners = 16
	// mostRecent is how many events the feed keeps for those who begin to listen later.
	mostRecent = 200
)

// ErrTooMany says that there are mostListeners already.
var ErrTooMany = errors.New("too many are listening to events")

// ErrEnded says that the daemon has stopped and no event follows.
var ErrEnded = errors.New("the daemon has stopped")

// Listener is one receiver of events.
type Listener struct {
	feed   *Feed
	ids    map[string]bool
	ready  chan struct{}
	events []Event
	missed int
}

// Listen returns a listener for all events from now on, or for those about the resources with these IDs. With recent, it begins with
// the last mostRecent events that deserve attention. Close it after use. The errors are ErrEnded and ErrTooMany.
func (f *Feed) Listen(ids []string, recent bool) (*Listener, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ended:
		return nil, ErrEnded
	case len(f.listeners) >= mostListeners:
		return nil, ErrTooMany
	}
	l := &Listener{feed: f, ids: map[string]bool{}, ready: make(chan struct{}, 1)}
	for _, id := range ids {
		l.ids[id] = true
	}
	if recent {
		l.add(f.recent[max(0, len(f.recent)-mostRecent):])
	}
	f.listeners = append(f.listeners, l)
	return l, nil
}

// Close removes the listener from its feed.
func (l *Listener) Close() {
	l.feed.mu.Lock()
	defer l.feed.mu.Unlock()
	l.feed.listeners = slices.DeleteFunc(l.feed.listeners, func(other *Listener) bool { return other == l })
}

// Next waits for events and returns them. The number of missed events comes last. It returns ErrEnded after the last
// event.
func (l *Listener) Next(ctx context.Context) ([]Event, error) {
	for {
		l.feed.mu.Lock()
		events, missed, ended := l.events, l.missed, l.feed.ended
		l.events, l.missed = nil, 0
		l.feed.mu.Unlock()
		if missed > 0 {
			events = append(events, Event{Version: 1, Time: time.Now(), Event: Missed, Count: missed})
		}
		switch {
		case len(events) > 0:
			return events, nil
		case ended:
			return nil, ErrEnded
		}
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// publish adds the events to the buffer of each listener that they concern, and keeps those that deserve attention.
func (f *Feed) publish(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range events {
		if !events[i].deservesAttention() {
			continue
		}
		kept := events[i]
		kept.op = nil
		f.recent = append(f.recent, kept)
	}
	if len(f.recent) > 2*mostRecent {
		f.recent = slices.Clone(f.recent[len(f.recent)-mostRecent:])
	}
	for _, l := range f.listeners {
		l.add(events)
	}
}

// add adds the events to the listener's buffer that it asked for, and wakes its Next. The caller holds the feed's mutex.
func (l *Listener) add(events []Event) {
	for i := range events {
		switch {
		case !events[i].About(l.ids):
		case len(l.events) >= mostEvents:
			l.missed++
		default:
			l.events = append(l.events, events[i])
		}
	}
	l.wake()
}

// deservesAttention reports whether somebody who asks later what has happened wants to know of the event: not that everything was
// well at the start, and not each of the ops by which linkd got there.
func (ev *Event) deservesAttention() bool {
	switch ev.Event {
	case OpDone:
		return ev.Error != ""
	case Transition:
		return ev.State != ev.Was && (ev.Was != "" || ev.State != string(OK))
	case Stopping:
		return false
	}
	return true
}

// end publishes that the daemon stops. Listeners then get ErrEnded.
func (f *Feed) end() {
	f.publish([]Event{{Version: 1, Time: time.Now(), Event: Stopping}})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for _, l := range f.listeners {
		l.wake()
	}
}

// wake tells the listener's Next that there is something to return.
func (l *Listener) wake() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}
