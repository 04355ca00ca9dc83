package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// watchdog tells systemd that the loop gets on. Nothing else may feed it: a loop that hangs is to be found out.
type watchdog struct {
	start time.Time
	// period is how long systemd waits for a sign of life before it restarts linkd (WatchdogSec= in systemd.service(5));
	// 0: it does not wait for any.
	period time.Duration
	ready  atomic.Bool
	// summary is what was last said of how everything stands.
	summary string
	fed     atomic.Int64 // when, in nanoseconds since the start
}

func newWatchdog() (*watchdog, error) {
	period, err := daemon.SdWatchdogEnabled(false)
	return &watchdog{start: time.Now(), period: period}, err
}

const (
	// feedPause is how often systemd is told at most that the first pass gets on.
	feedPause = time.Second
	// stepTime is more than any one step of a pass may take: iptables waits for its lock for two seconds.
	stepTime = 30 * time.Second
)

// rhythm is how often the loop has to come round: sd_watchdog_enabled(3) wants a sign of life in half of the time.
func (w *watchdog) rhythm() time.Duration { return w.period / 2 }

// progress is called after each step of the loop, by several goroutines. systemd watches only what is ready; until then
// there is a timeout, which is put off for as long as the first pass gets on.
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

// passed is called after every pass with what is to be said of it. After the first, whoever waits for linkd goes on: what
// is pending then may stay so for long.
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
