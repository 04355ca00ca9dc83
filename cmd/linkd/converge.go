package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"linkd/pkg/control"
	"linkd/pkg/kind"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

// garbageLimit is the memory, in bytes, that a command uses before the garbage collector runs.
const garbageLimit = 256 << 20

// tentativePause is how long apply waits after its last change, without --wait, for resources that will be usable in a moment: an IPv6 address
// is tentative for up to two seconds (RFC 4862, 5.4), and nothing can use it until then. tentativeLook is the time between
// two looks at it.
const (
	tentativePause = 3 * time.Second
	// longestPause is how long apply waits for them in all: another program can undo each change.
	longestPause  = time.Minute
	tentativeLook = 50 * time.Millisecond
)

// application is a desired state that a command applies without a daemon.
type application struct {
	desired *spec.Desired
	// files are those of the desired state, and cause is the command, for the history.
	files []spec.File
	cause string
	// recompile returns a new desired state when the containers of a template changed; nil if there are no templates.
	recompile func() (*spec.Desired, error)
	// wait is that of --wait.
	wait time.Duration
	// search: linkd also looks for its marks where no file declares anything.
	search bool
}

// lock locks the runtime directory until release is called. The advice is printed if another linkd uses it.
func (o *options) lock(log *slog.Logger, advice string) (release func(), err error) {
	release, err = control.Lock(o.runtimeDir)
	switch {
	case err == nil:
		return release, nil
	case errors.Is(err, control.ErrLocked):
		return nil, exit(exitFailed, fmt.Errorf("%w (%s)\n%s", err, o.runtimeDir, advice))
	case isOrdinaryUser(err):
		return nil, exit(exitFailed, errNotRoot)
	case errors.As(err, new(*spec.Untrusted)):
		return nil, exit(exitFailed, err)
	}
	log.Warn(noLockWarning, "error", err)
	return func() {}, nil
}

// apply converges to a desired state, prints what it did, and adds the state to the history. The caller has locked the runtime
// directory.
func (o *options) apply(ctx context.Context, log *slog.Logger, a application) error {
	began := time.Now()
	if err := slowMonitor(); err != nil {
		log.Debug("cannot slow down the monitor thread, so changes take more CPU time", "error", err)
	}
	// The process ends before there is much garbage.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(garbageLimit)
	journal := reconcile.OpenJournal(o.inRuntimeDir(journalFile))
	defer journal.Close()
	if o.logLevel == "info" {
		// The output of the command lists what it did.
		log = slog.New(quiet{log.Handler()})
	}
	engine, world, err := o.newEngine(kind.All(), journal, log)
	if err != nil {
		return exit(exitFailed, err)
	}
	defer world.Close()
	if a.search {
		engine.Search()
	}
	if a.recompile != nil {
		a.recompile = o.keepGiven(a.desired, a.recompile)
		if a.desired, err = a.recompile(); err != nil {
			return err
		}
	}
	engine.Want(a.desired, a.desired.Unknown == nil)
	if a.desired.Unknown == nil {
		o.giveBackLeases(world, a.desired, log)
	}
	inbox := observe.NewInbox()
	if a.wait > 0 {
		stop, err := world.Listen(inbox, engine.Topics())
		if err != nil {
			return exit(exitFailed, err)
		}
		defer stop()
		_, stopPaths, err := world.WatchPaths(inbox)
		if err != nil {
			return exit(exitFailed, err)
		}
		defer stopPaths()
	}
	record, line := engine.Record(), newProgressLine()
	engine.Meanwhile = func() { line.Draw(engine.Progress()) }
	status, err := converge(ctx, engine, inbox, a.recompile, a.wait)
	status.Left = leftAlone(engine)
	line.Clear()
	engine.EndRecord(record)
	changes, more := record.Changes()
	if err := o.addToHistory(a, began, report.Count(changes, more), status); err != nil {
		log.Warn(noHistoryWarning, "error", err)
	}
	if printErr := o.printDone(changes, more, status); printErr != nil || err != nil {
		return cmp.Or(err, printErr)
	}
	if status.State == reconcile.Degraded || (a.wait > 0 && status.State != reconcile.Converged) || ctx.Err() != nil {
		return exit(exitFailed, ctx.Err())
	}
	return nil
}

// converge makes passes until the engine has converged, until it has nothing to wait for, or until the time is up. That of wait
// counts from the start, and tentativePause from the last change.
func converge(ctx context.Context, engine *reconcile.Engine, inbox *observe.Inbox, recompile func() (*spec.Desired, error), wait time.Duration) (*reconcile.Status, error) {
	start := time.Now()
	changed, changes := start, engine.Changes()
	for {
		engine.Converge(ctx)
		if now := engine.Changes(); now != changes {
			changed, changes = time.Now(), now
		}
		status := engine.Status(nil)
		next := engine.NextTry()
		left := wait - time.Since(start)
		awaits := engine.AwaitsMoment()
		if awaits || engine.Retrying() {
			left = max(left, min(tentativePause-time.Since(changed), longestPause-time.Since(start)))
		}
		if status.State == reconcile.Converged && !awaits || left <= 0 || ctx.Err() != nil {
			return status, nil
		}
		pause := left
		if !next.IsZero() {
			pause = min(pause, time.Until(next))
		}
		if awaits {
			pause = min(pause, tentativeLook)
		}
		timer := time.NewTimer(max(0, pause))
		select {
		case <-ctx.Done():
		case <-time.After(report.RedrawPause):
			engine.Meanwhile()
			timer.Stop()
			continue
		case <-inbox.Ready:
			notifications, overruns := inbox.Take()
			engine.Notify(notifications)
			if overruns > 0 {
				engine.LookAtAll()
			}
			if slices.ContainsFunc(notifications, func(n observe.Notification) bool { return n.Topic == observe.TemplateTopic }) {
				desired, err := recompile()
				if err != nil {
					return status, err
				}
				engine.WantTemplates(desired, desired.Unknown == nil)
			}
		case <-timer.C:
			engine.LookAtAwaited()
		}
		timer.Stop()
	}
}

// noLockWarning is logged if linkd cannot lock its runtime directory.
const noLockWarning = "cannot lock the runtime directory: linkd cannot tell whether another linkd is running"

// quiet is a log handler that drops everything below a warning, and warnings about single resources, because the command
// prints those.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	aboutResource := false
	r.Attrs(func(a slog.Attr) bool {
		aboutResource = a.Key == "id"
		return !aboutResource
	})
	if aboutResource {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
