package reconcile

import (
	"slices"
	"time"
)

// alarms are times, each with a key, such that the first costs nothing to find among many. The zero alarms have none.
type alarms[K comparable] struct {
	at map[K]time.Time
	// heap has an alarm for each key. It may also have alarms that were removed or changed since.
	heap []alarm[K]
}

type alarm[K comparable] struct {
	key K
	at  time.Time
}

// set sets the time of a key.
func (a *alarms[K]) set(key K, at time.Time) {
	if a.at == nil {
		a.at = map[K]time.Time{}
	}
	if a.at[key].Equal(at) {
		return
	}
	a.at[key] = at
	if len(a.heap) > 2*len(a.at)+64 {
		kept := slices.DeleteFunc(a.heap, func(old alarm[K]) bool { return !a.has(old) })
		// What is in order of time is a heap.
		slices.SortFunc(kept, func(a, b alarm[K]) int { return a.at.Compare(b.at) })
		a.heap = kept
	}
	a.push(alarm[K]{key, at})
}

// remove removes a key.
func (a *alarms[K]) remove(key K) { delete(a.at, key) }

// has reports whether an alarm was neither removed nor changed.
func (a *alarms[K]) has(old alarm[K]) bool {
	at, set := a.at[old.key]
	return set && at.Equal(old.at)
}

// next returns the first time; zero if there is none.
func (a *alarms[K]) next() time.Time {
	for len(a.heap) > 0 && !a.has(a.heap[0]) {
		a.pop()
	}
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return a.heap[0].at
}

// due removes and returns the keys whose time has come, in order.
func (a *alarms[K]) due(now time.Time, compare func(a, b K) int) (keys []K) {
	for next := a.next(); !next.IsZero() && !now.Before(next); next = a.next() {
		key := a.heap[0].key
		a.pop()
		delete(a.at, key)
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// earliest returns the first of some times. A zero time does not count, and is the result if there is no other.
func earliest(times ...time.Time) (first time.Time) {
	for _, at := range times {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// push adds an alarm to the heap, in which each comes before the two at twice its place.
func (a *alarms[K]) push(added alarm[K]) {
	a.heap = append(a.heap, added)
	for i := len(a.heap) - 1; i > 0; {
		above := (i - 1) / 2
		if !a.heap[i].at.Before(a.heap[above].at) {
			return
		}
		a.heap[i], a.heap[above] = a.heap[above], a.heap[i]
		i = above
	}
}

// pop removes the first alarm of the heap.
func (a *alarms[K]) pop() {
	last := len(a.heap) - 1
	a.heap[0] = a.heap[last]
	a.heap[last] = alarm[K]{}
	a.heap = a.heap[:last]
	for i := 0; ; {
		first := i
		for below := 2*i + 1; below <= 2*i+2 && below < last; below++ {
			if a.heap[below].at.Before(a.heap[first].at) {
				first = below
			}
		}
		if first == i {
			return
		}
		a.heap[i], a.heap[first] = a.heap[first], a.heap[i]
		i = first
	}
}

// alarmClock rings no later than at the time for which it was last set. Whoever sets it for a later time hears it earlier: to set a
// timer of Go wakes a thread that waits for events, and while linkd works, the time changes with each step.
type alarmClock struct {
	timer *time.Timer
	at    time.Time // when it rings; zero for never
}

// set sets the clock.
func (a *alarmClock) set(at time.Time) {
	switch {
	case a.timer == nil:
		a.timer = time.NewTimer(time.Until(at))
	case a.at.IsZero() || at.Before(a.at):
		a.timer.Reset(time.Until(at))
	default:
		return
	}
	a.at = at
}

// rings returns a channel that is readable once the clock rings. Call rang after a read.
func (a *alarmClock) rings() <-chan time.Time { return a.timer.C }

func (a *alarmClock) rang() { a.at = time.Time{} }

func (a *alarmClock) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
