package reconcile

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Loaded is what came of reading the files.
type Loaded struct {
	Desired  *spec.Desired
	Files    []spec.FileState
	Complete bool
	Errors   spec.Errors
	// Again: a file was just being written, so the files have to be read once more.
	Again bool
	// Err is why the files could not be read at all; then the rest is empty and the old state stays.
	Err error
}

// Loop is the daemon: one goroutine that hears, looks and converges. Everything else only sends to it.
type Loop struct {
	Engine *Engine
	// Load reads the files.
	Load func() Loaded
	// Stamp changes when the files do.
	Stamp func() string
	// Inbox is where the news comes from, and FilesChanged when the files do.
	Inbox        *observe.Inbox
	FilesChanged <-chan struct{}
	// Declared is called when other namespaces are declared.
	Declared func()
	// Passed is called after every pass.
	Passed func(*Status)
	// Tell is given all that happens, before those who listen are.
	Tell func([]Event)
	// Rhythm is how often the loop comes round, and says so by the engine's Progress, when there is nothing to do; 0 is
	// never.
	Rhythm time.Duration
	Log    *slog.Logger

	reloads  chan chan Loaded
	checks   chan chan *Status
	stamp    string
	files    []spec.FileState
	warnings []string
	feed     Feed

	mu      sync.Mutex
	status  *Status
	changed chan struct{}
}

// NewLoop makes a loop; its exported fields are set before Run.
func NewLoop(e *Engine) *Loop {
	return &Loop{Engine: e, reloads: make(chan chan Loaded), checks: make(chan chan *Status), changed: make(chan struct{})}
}

const (
	// silentPause is how often the kinds without events are looked at, give or take a quarter: so that daemons and
	// namespaces do not do it all at the same moment.
	silentPause = 30 * time.Second
	// writtenPause is how soon a file that was being written is read again.
	writtenPause = 100 * time.Millisecond
	// Once passes that find nothing to do have taken this much of a second, each is paid for by a pause: somebody changes
	// things, again and again, that do not matter here.
	idleShare = 300 * time.Millisecond
	idlePause = 100 * time.Millisecond
)

// Run converges until ctx ends. The wiring stays.
func (l *Loop) Run(ctx context.Context) {
	l.Engine.Tell, l.Engine.Late = l.tell, l.Inbox.By
	defer l.feed.end()
	l.load()
	silent := time.Now().Add(jitter(silentPause))
	var reread time.Time
	idle, second := time.Duration(0), time.Now()
	for due := true; ; {
		if due {
			start, before := time.Now(), l.Engine.changes
			l.pass(ctx)
			if ctx.Err() != nil {
				return
			}
			if l.Engine.changes > before || time.Since(second) > time.Second {
				// What follows a change of linkd's own is mostly its echo.
				idle, second = 0, time.Now()
			} else {
				idle += time.Since(start)
			}
			if idle > idleShare {
				l.rest(ctx)
			}
		}
		l.Engine.Progress()
		wake := silent
		if next, ok := l.Engine.NextTry(); ok && next.Before(wake) {
			wake = next
		}
		if !reread.IsZero() && reread.Before(wake) {
			wake = reread
		}
		early := false
		if turn := time.Now().Add(l.Rhythm); l.Rhythm > 0 && turn.Before(wake) {
			wake, early = turn, true
		}
		due = true
		timer := time.NewTimer(time.Until(wake))
		select {
		case <-ctx.Done():
		case <-l.Inbox.Ready:
			if l.hear() {
				reread = l.again(l.repopulate())
			}
		case <-l.FilesChanged:
			reread = l.again(l.load())
		case answer := <-l.reloads:
			loaded := l.load()
			reread = l.again(loaded)
			l.pass(ctx)
			answer <- loaded
		case answer := <-l.checks:
			if l.hear() || l.Stamp() != l.stamp {
				reread = l.again(l.repopulate())
			}
			l.Engine.LookAtAll()
			l.pass(ctx)
			status, _ := l.Status()
			answer <- status
		case <-timer.C:
			due = !early
			now := time.Now()
			if !reread.IsZero() && !now.Before(reread) {
				reread = l.again(l.load())
			}
			if !now.Before(silent) {
				l.Engine.LookAtSilent()
				silent = now.Add(jitter(silentPause))
			}
		}
		timer.Stop()
	}
}

func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

func (l *Loop) rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(idlePause):
	}
}

func (l *Loop) again(loaded Loaded) time.Time {
	if loaded.Again {
		return time.Now().Add(writtenPause)
	}
	return time.Time{}
}

// hear takes the news in. Populated: other things are wanted now, because templates stand for others.
func (l *Loop) hear() (populated bool) {
	news, overruns := l.Inbox.Take()
	l.Engine.Hear(news)
	if overruns > 0 {
		l.Engine.Counters.Overruns += overruns
		l.Engine.note(Event{Event: Overrun, Count: l.Engine.Counters.Overruns})
		l.Engine.LookAtAll()
	}
	return slices.ContainsFunc(news, func(n observe.News) bool { return n.Topic == observe.PopulationTopic })
}

// load reads the files and makes them the desired state, unless they could not be read at all.
func (l *Loop) load() Loaded {
	l.stamp = l.Stamp()
	loaded := l.read(l.Engine.Want)
	l.noteReload(loaded)
	return loaded
}

// repopulate asks what templates stand for now.
func (l *Loop) repopulate() Loaded {
	if l.Stamp() != l.stamp {
		return l.load()
	}
	loaded := l.read(l.Engine.Repopulate)
	if loaded.Err != nil {
		l.noteReload(loaded)
	}
	return loaded
}

func (l *Loop) read(want func(*spec.Desired, bool)) Loaded {
	loaded := l.Load()
	l.noteFiles(loaded)
	if loaded.Err != nil {
		l.warnings = []string{loaded.Err.Error()}
		return loaded
	}
	before := l.warnings
	l.warnings = nil
	for _, m := range loaded.Desired.Misfits {
		l.warnings = append(l.warnings, m.String())
	}
	if unknown := loaded.Desired.Unknown; unknown != nil {
		l.warnings = append(l.warnings, "nothing is taken away for now: "+unknown.Error())
	}
	for _, w := range l.warnings {
		if !slices.Contains(before, w) {
			l.Log.Warn(w)
		}
	}
	l.files = loaded.Files
	want(loaded.Desired, loaded.Complete && loaded.Desired.Unknown == nil)
	l.Declared()
	return loaded
}

func (l *Loop) pass(ctx context.Context) {
	start, ops := time.Now(), l.Engine.Counters.Ops
	l.Engine.Converge(ctx)
	l.Log.Debug("pass", "took", time.Since(start), "ops", l.Engine.Counters.Ops-ops)
	status := l.Engine.Status(l.files)
	status.Took = time.Since(start)
	status.Warnings = append(status.Warnings, l.warnings...)
	l.mu.Lock()
	l.status = status
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	l.Passed(status)
}

// Status is how everything stood after the last pass, nil before the first, and a channel that is closed when there
// is a newer one.
func (l *Loop) Status() (*Status, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status, l.changed
}

// Check has the loop look at the files and at everything else now, and returns how it stands then: events and files
// may be on their way when somebody asks whether all is well.
func (l *Loop) Check(ctx context.Context) *Status {
	answer := make(chan *Status, 1)
	select {
	case l.checks <- answer:
	case <-ctx.Done():
		return nil
	}
	select {
	case status := <-answer:
		return status
	case <-ctx.Done():
		return nil
	}
}

// Reload reads the files again and returns when that has been acted upon.
func (l *Loop) Reload(ctx context.Context) (Loaded, *Status, error) {
	answer := make(chan Loaded, 1)
	select {
	case l.reloads <- answer:
	case <-ctx.Done():
		return Loaded{}, nil, ctx.Err()
	}
	select {
	case loaded := <-answer:
		status, _ := l.Status()
		return loaded, status, nil
	case <-ctx.Done():
		return Loaded{}, nil, ctx.Err()
	}
}
