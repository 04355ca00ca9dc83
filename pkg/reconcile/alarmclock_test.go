package reconcile

import (
	"testing"
	"testing/synctest"
	"time"
)

// The clock rings at the earliest time for which it was set, and again only when it is set again.
func TestAlarmClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock alarmClock
		defer clock.stop()
		begin := time.Now()
		rings := func(after time.Duration) {
			t.Helper()
			<-clock.rings()
			clock.rang()
			if at := time.Since(begin); at != after {
				t.Errorf("it rings after %v, want %v", at, after)
			}
		}
		clock.set(begin.Add(20 * time.Second))
		clock.set(begin.Add(10 * time.Second))
		clock.set(begin.Add(30 * time.Second))
		rings(10 * time.Second)
		clock.set(begin.Add(30 * time.Second))
		rings(30 * time.Second)
		// A time in the past is now.
		clock.set(begin)
		rings(30 * time.Second)
		select {
		case <-clock.rings():
			t.Error("it rings although nobody has set it")
		case <-time.After(time.Hour):
		}
	})
}
