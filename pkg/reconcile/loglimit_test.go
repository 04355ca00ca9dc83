package reconcile

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// What one namespace makes linkd do 50,000 times is a few lines in the log.
func TestLogLimit(t *testing.T) {
	var out bytes.Buffer
	limit := NewLogLimit(slog.NewTextHandler(&out, nil))
	var end []func()
	limit.after = func(d time.Duration, f func()) *time.Timer {
		end = append(end, f)
		return time.NewTimer(time.Hour)
	}
	log := slog.New(limit)
	text := func(ns string, i int) {
		logEvent(log, &Event{Event: OpDone, ID: fmt.Sprintf("%s/route/10.%d", ns, i), Op: "delete", kind: "route", opText: "delete"})
	}
	for i := range 50_000 {
		text("evil", i)
	}
	text("good", 1)
	logEvent(log, &Event{Event: Drift, ID: "evil/route/1", Op: "create", kind: "route"})
	logEvent(log, &Event{Event: Reload, State: "ok"})
	if lines := strings.Count(out.String(), "\n"); lines != maxSameEvents+3 {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
	out.Reset()
	for _, f := range end {
		f()
	}
	if want := `level=INFO msg="delete: 49985 more of kind route in namespace evil" netns=evil op=delete` + "\n"; !strings.HasSuffix(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("have %swant %s", out.String(), want)
	}
	// A new period has lines of its own, and the end of the daemon is the end of the last.
	out.Reset()
	for i := range maxSameEvents + 2 {
		text("evil", i)
	}
	limit.Flush()
	if !strings.Contains(out.String(), `msg="delete: 2 more of kind route in namespace evil"`) {
		t.Error(out.String())
	}
}

func TestLogWithoutLimit(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(NewLogLimit(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).With("a", "b")
	for range 1000 {
		logEvent(log, &Event{Event: OpDone, ID: "evil/route/1", Op: "delete", kind: "route", opText: "delete"})
	}
	if lines := strings.Count(out.String(), "\n"); lines != 1000 {
		t.Errorf("%d lines", lines)
	}
}
