package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// patience bounds how long a test waits for what has to happen, to end one that hangs: it takes seconds at most.
const patience = 5 * time.Minute

// daemon is a loop at work over a toy kernel. The kernel is its own while it passes, and the test's between.
type daemon struct {
	*bench
	loop    *Loop
	changed chan struct{}

	mu     sync.Mutex
	loaded Loaded
	loads  int
	stamp  string
}

func run(t *testing.T, have, want string) *daemon {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t, goleak.IgnoreAnyFunction("linkd/pkg/observe.work")) })
	d := &daemon{bench: newBench(t, have), changed: make(chan struct{})}
	d.engine.now = time.Now
	d.files(Loaded{Desired: wants(want), Complete: true})
	d.loop = NewLoop(d.engine)
	d.loop.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	d.loop.Inbox, d.loop.FilesChanged = observe.NewInbox(), d.changed
	d.loop.Declared, d.loop.OnStatus = func() {}, func(*Status) {}
	d.loop.Load = func() Loaded {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.loaded
	}
	d.loop.Stamp = func() string {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.stamp
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.loop.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return d
}

// files is what is read the next time.
func (d *daemon) files(l Loaded) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded = l
	d.loads++
	d.stamp = fmt.Sprint(d.loads)
}

// until waits for a pass after which the status is as told.
func (d *daemon) until(what string, holds func(*Status) bool) *Status {
	d.Helper()
	deadline := time.After(patience)
	for {
		status, changed := d.loop.Status()
		if status != nil && holds(status) {
			return status
		}
		select {
		case <-changed:
		case <-deadline:
			d.Fatalf("waited for %s, and the status is %+v", what, status)
		}
	}
}

func of(ids ...string) func(*Status) bool {
	return func(s *Status) bool {
		var have []string
		for _, r := range s.Resources {
			have = append(have, r.ID)
		}
		return s.State == Converged && cmp.Equal(ids, have)
	}
}

func TestLoopFollowsTheFiles(t *testing.T) {
	d := run(t, "", "host/box/a")
	d.until("the first pass", of("host/box/a"))
	d.files(Loaded{Desired: wants("host/box/b"), Complete: true})
	d.changed <- struct{}{}
	d.until("the other file", of("host/box/b"))
}

func TestLoopReadsAgainWhatWasBeingWritten(t *testing.T) {
	d := run(t, "", "host/box/a")
	d.until("the first pass", of("host/box/a"))
	d.files(Loaded{Desired: wants("host/box/a"), Complete: true, Again: true})
	d.changed <- struct{}{}
	d.files(Loaded{Desired: wants("host/box/b"), Complete: true})
	d.until("what was written", of("host/box/b"))
}

func TestLoopKeepsTheStateWhereNothingCanBeRead(t *testing.T) {
	d := run(t, "", "host/box/a")
	d.until("the first pass", of("host/box/a"))
	d.files(Loaded{Err: errors.New("no such directory")})
	d.changed <- struct{}{}
	s := d.until("the warning", func(s *Status) bool { return len(s.Warnings) == 1 })
	if !of("host/box/a")(s) || s.Warnings[0] != "no such directory" {
		t.Errorf("status %+v", s)
	}
	d.files(Loaded{Desired: wants("host/box/a"), Complete: true})
	d.changed <- struct{}{}
	d.until("the end of the warning", func(s *Status) bool { return len(s.Warnings) == 0 && of("host/box/a")(s) })
}

func TestLoopReloadAnswersWhenItHasConverged(t *testing.T) {
	d := run(t, "", "host/box/a")
	d.until("the first pass", of("host/box/a"))
	wrong := spec.Errors{{Source: spec.Source{File: "b.yaml"}, Message: "wrong"}}
	d.files(Loaded{Desired: wants("host/box/b"), Complete: true, Errors: wrong})
	reloaded, err := d.loop.Reload(context.Background())
	must(t, err)
	if reloaded.Errors.Error() != "b.yaml: wrong" || !of("host/box/b")(reloaded.Status) {
		t.Errorf("reload answers %v, %+v", reloaded.Errors, reloaded.Status)
	}
	want := []Change{
		{Op: "create", ID: "host/box/b", Fields: []Field{}, Source: "a.yaml:1", Result: Done},
		{Op: "delete", ID: "host/box/a", Fields: []Field{}, Result: Done},
	}
	if d := cmp.Diff(want, reloaded.Changes); d != "" || reloaded.More != 0 {
		t.Errorf("changes (-want +got), and %d more:\n%s", reloaded.More, d)
	}
}

func TestLoopCheckLooksForItself(t *testing.T) {
	d := run(t, "", "host/box/a")
	d.until("the first pass", of("host/box/a"))
	// The files have changed, and no event has said so yet.
	d.files(Loaded{Desired: wants("host/box/b"), Complete: true})
	if s := d.loop.Check(context.Background()); !of("host/box/b")(s) {
		t.Errorf("status %+v", s)
	}
}

// FAULTS 35: when a namespace that was as wanted does not answer any more, the status says so, though nothing is found or done.
func TestLoopTellsOfANamespaceThatDoesNotAnswer(t *testing.T) {
	b := newBench(t, "")
	e, loop := b.engine, NewLoop(b.engine)
	loop.OnStatus = func(*Status) {}
	e.plan.patience = patienceWithLooks
	silent := b.clock.Add(time.Hour)
	step := func() {
		e.Begin(context.Background())
		loop.publish()
	}
	answer := func() *Status {
		for step(); e.running > 0; step() {
			e.take(<-e.results)
		}
		status, _ := loop.Status()
		return status
	}
	b.want("host/box/a")
	if s := answer(); !of("host/box/a")(s) {
		t.Fatalf("at first: %+v", s)
	}
	b.hangs = make(chan struct{})
	e.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic}})
	const answerless = 10 * time.Second
	for since := b.clock; b.clock.Before(since.Add(answerless)); b.clock = loop.wake(silent) {
		step()
		waited, s := b.clock.Sub(since), loop.status
		want := Converged
		if waited >= behindTime {
			want = Converging
		}
		if s.State != want {
			t.Errorf("after %s: %s, want %s", waited, s.State, want)
		}
		if named := len(s.Warnings) == 1 && strings.HasPrefix(s.Warnings[0], "namespace host does not keep up"); named != (waited >= behindTime) {
			t.Errorf("after %s: %q", waited, s.Warnings)
		}
	}
	close(b.hangs)
	if s := answer(); len(s.Warnings) > 0 || !of("host/box/a")(s) {
		t.Errorf("when it answers: %+v", s)
	}
	if at := loop.due(b.clock); !at.IsZero() {
		t.Errorf("when all is done, the status is published again at %v", at)
	}
}

func TestLoopEndsForThoseWhoWait(t *testing.T) {
	loop := NewLoop(newBench(t, "").engine)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s := loop.Check(ctx); s != nil {
		t.Errorf("check: %+v", s)
	}
	if _, err := loop.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("reload: %v", err)
	}
}
