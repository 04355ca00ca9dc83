package reconcile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Feed hands events on to whoever listens. To publish never waits for anybody: each listener has a buffer, and of what
// does not fit it hears the number only.
type Feed struct {
	mu        sync.Mutex
	listeners []*Listener
	ended     bool
}

const (
	// mostEvents is how many events wait for a listener; they take about half a mebibyte.
	mostEvents = 2048
	// mostListeners bounds the memory of all of them.
	mostListeners = 16
)

// ErrTooMany says that as many listen already as may.
var ErrTooMany = errors.New("too many are listening to events")

// ErrEnded says that there will be no more events.
var ErrEnded = errors.New("the daemon has stopped")

// Listener gets events.
type Listener struct {
	feed   *Feed
	ids    map[string]bool
	ready  chan struct{}
	events []Event
	missed int
}

// Listen gets all events from now on, or those about the resources with these IDs, until Close.
func (f *Feed) Listen(ids []string) (*Listener, error) {
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
	f.listeners = append(f.listeners, l)
	return l, nil
}

// Close ends the listening.
func (l *Listener) Close() {
	l.feed.mu.Lock()
	defer l.feed.mu.Unlock()
	l.feed.listeners = slices.DeleteFunc(l.feed.listeners, func(other *Listener) bool { return other == l })
}

// Next waits for events, and ends with ErrEnded after the last. What was missed is the last of them.
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

// publish gives the events to all who listen.
func (f *Feed) publish(events []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.listeners {
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
}

// end tells all who listen that this was all.
func (f *Feed) end() {
	f.publish([]Event{{Version: 1, Time: time.Now(), Event: Stopping}})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for _, l := range f.listeners {
		l.wake()
	}
}

func (l *Listener) wake() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}
