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

// Loaded is the result of reading the files.
type Loaded struct {
	Desired  *spec.Desired
	Files    []spec.FileState
	Complete bool
	Errors   spec.Errors
	// Again: a file was just being written, so the files must be read again.
	Again bool
	// Err says why the files could not be read at all; then the other fields are empty and the desired state stays.
	Err error
	// Events are reported before that of the load.
	Events []Event
	// Apart: a reload reports what is done for these files without what was done before them.
	Apart bool
}

// Loop is the daemon: one goroutine that reads files, takes events and converges. Other goroutines only send to it.
type Loop struct {
	Engine *Engine
	// Load reads the files.
	Load func() Loaded
	// Stamp returns a value that changes when the files change.
	Stamp func() string
	// Inbox delivers the events, and FilesChanged announces changes of the files.
	Inbox        *observe.Inbox
	FilesChanged <-chan struct{}
	// Declared is called after the declared namespaces have changed.
	Declared func()
	// OnStatus is called after every pass.
	OnStatus func(*Status)
	// OnEvents gets all events before the listeners do.
	OnEvents func([]Event)
	// Probes returns the results of the declared probes; nil if nobody runs them.
	Probes func() []ProbeStatus
	// Fleet returns how the machine stands with its fleet; nil if it is in none.
	Fleet func() *Fleet
	// Heartbeat is how often an idle loop calls the engine's Progress; 0 is never.
	Heartbeat time.Duration
	Log       *slog.Logger

	reloads  chan *question
	checks   chan *question
	asked    []*question
	stamp    string
	failed   bool // the files could not be read
	files    []spec.FileState
	warnings []string
	// leftOut: a container does not fit its template. Untold: linkd does not know the containers of all templates.
	leftOut, untold bool
	unreported      unreported
	feed            Feed
	cadence         cadence
	reread          time.Time // when to read the files again; zero for never

	mu      sync.Mutex
	status  *Status
	rows    [][]row // of status
	changed chan struct{}
}

// NewLoop makes a loop. Set its exported fields before Run.
func NewLoop(e *Engine) *Loop {
	return &Loop{Engine: e, reloads: make(chan *question), checks: make(chan *question), changed: make(chan struct{})}
}

const (
	// patienceWithLooks is how long a repair waits for outstanding looks elsewhere.
	patienceWithLooks = 25 * time.Millisecond
	// silentPause is the time between looks at kinds without events, plus or minus a quarter, so that several daemons
	// do not look at the same moment.
	silentPause = 30 * time.Second
	// writtenPause is the time before a file that was being written is read again.
	writtenPause = 100 * time.Millisecond
	// failedPause is the time before files that could not be read are read again.
	failedPause = 5 * time.Second
	// reloadTime is how long a reload waits for namespaces that do not keep up: longer than programs may take.
	// checkTime is the same for a check.
	reloadTime = 15 * time.Second
	checkTime  = time.Second
)

// Run converges until ctx ends, and leaves everything configured.
func (l *Loop) Run(ctx context.Context) {
	e := l.Engine
	e.plan.patience = patienceWithLooks
	e.OnEvents, e.LateCause = l.report, l.Inbox.By
	defer l.feed.end()
	// Run waits for outstanding requests: programs end with ctx.
	defer e.finish()
	l.load()
	// The resources may have come back while no daemon ran.
	e.LookForReturned()
	silent := time.Now().Add(jitter(silentPause))
	var wake alarmClock
	defer wake.stop()
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
		wake.set(l.wake(silent))
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
			q.record = l.recordReload()
			l.asked = append(l.asked, q)
		case q := <-l.checks:
			if l.takeNotifications() || l.filesChanged() {
				l.updateTemplates()
			}
			e.LookAtAll()
			q.until = time.Now().Add(checkTime)
			l.asked = append(l.asked, q)
		case <-wake.rings():
			wake.rang()
			now := time.Now()
			if !l.reread.IsZero() && !now.Before(l.reread) {
				l.load()
			}
			if !now.Before(silent) {
				e.LookAtSilent()
				silent = now.Add(jitter(silentPause))
			}
		}
	}
}

// wake returns when the loop must run even if nothing happens.
func (l *Loop) wake(silent time.Time) time.Time {
	now := l.Engine.now()
	wake := earliest(silent, l.Engine.NextWake(), l.reread, l.due(now))
	if l.Heartbeat > 0 {
		wake = earliest(wake, now.Add(l.Heartbeat))
	}
	return wake
}

func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

// takeNotifications passes events to the core. It runs before every look, so that events about linkd's own changes
// cause no further look. Populated: templates may stand for other containers now.
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

// load reads the files and sets the desired state, unless the files could not be read at all.
func (l *Loop) load() Loaded {
	l.stamp = l.Stamp()
	if l.status != nil {
		l.unreported.begin(l.Engine)
	}
	loaded := l.read(l.Engine.Want)
	if loaded.Apart {
		l.endRecord(l.unreported.record)
		l.unreported.begin(l.Engine)
	}
	if loaded.Err == nil || !l.failed {
		l.noteReload(loaded)
	}
	l.failed = loaded.Err != nil
	switch l.reread = (time.Time{}); {
	case loaded.Again:
		l.reread = time.Now().Add(writtenPause)
	case l.failed:
		// The cause, such as a lack of file descriptors, ends without an event.
		l.reread = time.Now().Add(failedPause)
	}
	return loaded
}

// filesChanged reports whether the files must be read: they have changed, or could not be read the last time.
func (l *Loop) filesChanged() bool { return l.failed || l.Stamp() != l.stamp }

// updateTemplates sets the desired state again because templates may stand for other containers.
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
	for _, ev := range loaded.Events {
		l.Engine.note(ev)
	}
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
		l.warnings = append(l.warnings, "linkd removes nothing for now: "+unknown.Error())
	}
	if outdated := loaded.Desired.Outdated; outdated != nil {
		l.warnings = append(l.warnings, "containers that start or end are not noticed for now: "+outdated.Error())
	}
	l.leftOut, l.untold = len(loaded.Desired.Misfits) > 0, loaded.Desired.Unknown != nil || loaded.Desired.Outdated != nil
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
