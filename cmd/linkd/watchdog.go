package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// watchdog tells systemd that the loop is running. Nothing else may do so, so that systemd detects a loop that hangs.
type watchdog struct {
	start time.Time
	// period is how long systemd waits for a message before it restarts linkd (WatchdogSec= in systemd.service(5));
	// 0: systemd does not wait.
	period time.Duration
	ready  atomic.Bool
	// summary is the last reported state.
	summary string
	fed     atomic.Int64 // the time of the last message, in nanoseconds since the start
}

func newWatchdog() (*watchdog, error) {
	period, err := daemon.SdWatchdogEnabled(false)
	return &watchdog{start: time.Now(), period: period}, err
}

const (
	// feedPause is the shortest time between two messages during the first pass.
	feedPause = time.Second
	// stepTime is longer than any step of a pass may take: iptables waits for its lock for two seconds.
	stepTime = 30 * time.Second
)

// rhythm returns how often the loop must run: sd_watchdog_enabled(3) recommends half of the period.
func (w *watchdog) rhythm() time.Duration { return w.period / 2 }

// progress is called after each step of the loop, by several goroutines. systemd watches a service only after it is
// ready; until then there is a start timeout, which progress extends during the first pass.
func (w *watchdog) progress() {
	pause, message := w.period/4, daemon.SdNotifyWatchdog
	switch {
	case !w.ready.Load():
		pause, message = feedPause, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", stepTime.Microseconds())
	case w.period == 0:
		return
	}
	now, last := int64(time.Since(w.start)), w.fed.Load()
	if now-last >= int64(pause) && w.fed.CompareAndSwap(last, now) {
		_, _ = daemon.SdNotify(false, message)
	}
}

// passed is called after every pass with a summary. After the first one, units that wait for linkd can start: what is
// pending then may stay pending for long.
func (w *watchdog) passed(summary string) {
	if w.ready.Load() && summary == w.summary {
		return
	}
	w.summary = summary
	message := "STATUS=" + summary
	if w.ready.CompareAndSwap(false, true) {
		message = daemon.SdNotifyReady + "\n" + message
	}
	_, _ = daemon.SdNotify(false, message)
}
