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
	// OnStatus is called after every pass.
	OnStatus func(*Status)
	// OnEvents is given all that happens, before those who listen are.
	OnEvents func([]Event)
	// Heartbeat is how often the loop comes round, and says so by the engine's Progress, when there is nothing to do; 0 is
	// never.
	Heartbeat time.Duration
	Log       *slog.Logger

	reloads  chan *question
	checks   chan *question
	asked    []*question
	stamp    string
	failed   bool // the files could not be read
	files    []spec.FileState
	warnings []string
	feed     Feed
	cadence  cadence
	reread   time.Time // when the files are read again

	mu      sync.Mutex
	status  *Status
	rows    [][]ResourceStatus // of status, until they are listed
	changed chan struct{}
}

// NewLoop makes a loop; its exported fields are set before Run.
func NewLoop(e *Engine) *Loop {
	return &Loop{Engine: e, reloads: make(chan *question), checks: make(chan *question), changed: make(chan struct{})}
}

const (
	// patienceWithLooks is how long a repair waits for looks that are under way elsewhere.
	patienceWithLooks = 25 * time.Millisecond
	// silentPause is how often the kinds without events are looked at, give or take a quarter: so that daemons and
	// namespaces do not do it all at the same moment.
	silentPause = 30 * time.Second
	// writtenPause is how soon a file that was being written is read again.
	writtenPause = 100 * time.Millisecond
	// failedPause is how soon files that could not be read are read again.
	failedPause = 5 * time.Second
	// reloadTime is how long who asked to reload waits for namespaces that do not keep up: longer than programs may
	// take. checkTime is the same of who asked how everything stands.
	reloadTime = 15 * time.Second
	checkTime  = time.Second
)

// Run converges until ctx ends. The wiring stays.
func (l *Loop) Run(ctx context.Context) {
	e := l.Engine
	e.plan.patience = patienceWithLooks
	e.OnEvents, e.LateCause = l.report, l.Inbox.By
	defer l.feed.end()
	// What was begun is waited for: programs end with ctx.
	defer e.finish()
	l.load()
	// It may have come back while no daemon ran.
	e.LookForReturned()
	silent := time.Now().Add(jitter(silentPause))
	for {
		if l.takeNotifications() {
			l.updateTemplates()
		}
		e.Begin(ctx)
		if ctx.Err() != nil {
			return
		}
		l.publish()
		e.Worker.Progress()
		l.Inbox.WaitFor(e.waitsForRoutes())
		timer := time.NewTimer(time.Until(l.wake(silent)))
		select {
		case <-ctx.Done():
		case r := <-e.Results():
			e.take(r)
		case <-l.Inbox.Ready:
		case <-l.FilesChanged:
			if l.filesChanged() {
				l.load()
			}
		case q := <-l.reloads:
			q.loaded, q.until = l.load(), time.Now().Add(reloadTime)
			l.asked = append(l.asked, q)
		case q := <-l.checks:
			if l.takeNotifications() || l.filesChanged() {
				l.updateTemplates()
			}
			e.LookAtAll()
			q.until = time.Now().Add(checkTime)
			l.asked = append(l.asked, q)
		case <-timer.C:
			now := time.Now()
			if !l.reread.IsZero() && !now.Before(l.reread) {
				l.load()
			}
			if !now.Before(silent) {
				e.LookAtSilent()
				silent = now.Add(jitter(silentPause))
			}
		}
		timer.Stop()
	}
}

// wake is when the loop comes round though nothing has happened.
func (l *Loop) wake(silent time.Time) time.Time {
	wake, now := silent, l.Engine.now()
	earliest := func(at time.Time) {
		if !at.IsZero() && at.Before(wake) {
			wake = at
		}
	}
	if next, ok := l.Engine.NextWake(); ok {
		earliest(next)
	}
	earliest(l.reread)
	earliest(l.due(now))
	if l.Heartbeat > 0 {
		earliest(now.Add(l.Heartbeat))
	}
	return wake
}

func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

// takeNotifications takes the news in. It comes before every look, so that the news of what linkd has just done causes no other look.
// Populated: other things are wanted now, because templates stand for others.
func (l *Loop) takeNotifications() (populated bool) {
	news, overruns := l.Inbox.Take()
	if len(news) > 0 {
		l.Engine.Notify(news)
	}
	if overruns > 0 {
		l.Engine.Counters.Overruns += overruns
		l.Engine.note(Event{Event: Overrun, Count: l.Engine.Counters.Overruns})
		l.Engine.LookAtAll()
		l.Engine.LookForReturned()
	}
	return slices.ContainsFunc(news, func(n observe.Notification) bool { return n.Topic == observe.TemplateTopic })
}

// load reads the files and makes them the desired state, unless they could not be read at all.
func (l *Loop) load() Loaded {
	l.stamp = l.Stamp()
	loaded := l.read(l.Engine.Want)
	if loaded.Err == nil || !l.failed {
		l.noteReload(loaded)
	}
	l.failed = loaded.Err != nil
	switch l.reread = (time.Time{}); {
	case loaded.Again:
		l.reread = time.Now().Add(writtenPause)
	case l.failed:
		// What was in the way, such as a lack of file descriptors, goes without any event.
		l.reread = time.Now().Add(failedPause)
	}
	return loaded
}

// filesChanged reports whether the files have to be read: they have changed since, or could not be read then.
func (l *Loop) filesChanged() bool { return l.failed || l.Stamp() != l.stamp }

// updateTemplates asks what templates stand for now.
func (l *Loop) updateTemplates() {
	if l.filesChanged() {
		l.load()
		return
	}
	loaded := l.read(l.Engine.WantTemplates)
	if loaded.Err != nil {
		l.noteReload(loaded)
	}
}

func (l *Loop) read(want func(*spec.Desired, bool)) Loaded {
	loaded := l.Load()
	l.Engine.dirtied = true
	l.noteFiles(loaded)
	if loaded.Err != nil {
		l.warnings = []string{loaded.Err.Error()}
		return loaded
	}
	before := l.warnings
	l.warnings = nil
	for _, w := range loaded.Desired.Warnings {
		l.warnings = append(l.warnings, w.Error())
	}
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
	l.Engine.Declare()
	l.Declared()
	return loaded
}

// due is when the status has to be published, or that has to be decided again; zero while there is nothing to say.
func (l *Loop) due(now time.Time) time.Time {
	e := l.Engine
	settled := e.Settled()
	if l.status == nil && !settled {
		// The first status is not of half of it.
		return now.Add(publishPause)
	}
	due := l.cadence.due(settled)
	for _, q := range l.asked {
		if e.Quiet() {
			return now
		}
		if due.IsZero() || q.until.Before(due) {
			due = q.until
		}
	}
	return due
}

// publish says how everything stands: once all is done that can be, and from time to time until then.
func (l *Loop) publish() {
	e := l.Engine
	now := e.now()
	l.cadence.note(now, e.dirtied, e.unfinished())
	e.dirtied = false
	if due := l.due(now); due.IsZero() || due.After(now) {
		return
	}
	e.EndPass()
	status, rows := e.status(l.files)
	if !l.cadence.since.IsZero() {
		status.Took = now.Sub(l.cadence.since)
	}
	status.Warnings = append(status.Warnings, l.warnings...)
	l.cadence.published(now, e.unfinished())
	l.mu.Lock()
	l.status, l.rows = status, rows
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	l.OnStatus(status)
	quiet := e.Quiet()
	l.asked = slices.DeleteFunc(l.asked, func(q *question) bool {
		if !quiet && now.Before(q.until) {
			return false
		}
		q.status, _ = l.Status()
		close(q.done)
		return true
	})
}

// Status is how everything stood after the last pass, nil before the first, and a channel that is closed when there
// is a newer one.
func (l *Loop) Status() (*Status, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status != nil && l.status.Resources == nil {
		l.status.Resources, l.rows = flatten(l.rows), nil
	}
	return l.status, l.changed
}
