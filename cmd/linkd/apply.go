package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/kind"
	"linkd/pkg/observe"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func newApply(o *options) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Converge once, without a daemon",
		Long: "Read the files and change what differs from them, once and without a daemon. The exit status is 0 " +
			"where everything is as wanted, or pending (what is not there yet, a container that has not been " +
			"started, say); 1 where something failed, or is still pending after --wait; 2 where a file is not " +
			"valid, and then nothing was done.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := spec.ReadTrusted(o.config)
			if err != nil {
				return exit(exitInvalid, err)
			}
			desired, err := o.compileValid(files)
			if err != nil {
				return err
			}
			again := func() (*spec.Desired, error) { return o.compileValid(files) }
			return o.once(cmd.Context(), desired, again, wait, false, "a running daemon applies the files by itself, see `linkd reload` and `linkd status`")
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for what is pending, such as 30s")
	return cmd
}

func newTeardown(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "teardown",
		Short: "Remove all that linkd made, and only that",
		Long: "Remove all that linkd made, and put back what it changed. The files stay, so stop the daemon first. " +
			"The exit status is 0, or 1 where something could not be removed.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			named, err := namedNamespaces()
			if err != nil {
				return exit(exitFailed, err)
			}
			return o.once(cmd.Context(), &spec.Desired{Namespaces: named, Resources: &spec.Set{}}, nil, 0, true, "stop the daemon first, it would put back what this removes")
		},
	}
}

// namedNamespaces are all in /run/netns: linkd's mark may be in one that no journal speaks of any more.
func namedNamespaces() (map[string]spec.Namespace, error) {
	named := map[string]spec.Namespace{}
	entries, err := os.ReadDir(observe.NetnsDir)
	if errors.Is(err, os.ErrNotExist) {
		return named, nil
	}
	for _, e := range entries {
		// A symbolic link shows a namespace that has another, proper selector.
		if e.Type().IsRegular() {
			named[e.Name()] = spec.Namespace{Name: e.Name(), Selector: spec.Selector{Scheme: "name", Value: e.Name()}}
		}
	}
	return named, err
}

// loadValid reads the files; none of them may have an error.
func (o *options) loadValid(read func(paths []string) ([]spec.File, error)) (*spec.Desired, error) {
	files, err := read(o.config)
	if err != nil {
		return nil, exit(exitInvalid, err)
	}
	return o.compileValid(files)
}

// compileValid is what valid files ask for now, and says what of it cannot be.
func (o *options) compileValid(files []spec.File) (*spec.Desired, error) {
	desired, errs := spec.Compile(o.language(), files)
	for _, m := range desired.Misfits {
		fmt.Fprintln(stderr, plain.Text(m.String()))
	}
	if desired.Unknown != nil {
		fmt.Fprintln(stderr, "nothing is taken away for now:", desired.Unknown)
	}
	return desired, o.invalid(errs)
}

// garbageLimit is how much memory a command may take, in bytes, before garbage is collected.
const garbageLimit = 256 << 20

// tentativePause is how long apply waits, unasked, for what only needs a moment: an IPv6 address is tentative for up
// to two seconds (RFC 4862, 5.4), and until then no route can have it as its source.
const tentativePause = 3 * time.Second

// once converges what is desired; again tells what that is when templates have come to stand for others, and is nil where
// there are none. Beside says what to do where a daemon runs.
func (o *options) once(ctx context.Context, desired *spec.Desired, again func() (*spec.Desired, error), wait time.Duration, search bool, beside string) error {
	log := o.logger(stderr)
	release, err := control.Lock(o.runtimeDir)
	if errors.Is(err, control.ErrLocked) {
		return exit(exitFailed, fmt.Errorf("%w (%s): %s", err, o.runtimeDir, beside))
	}
	if errors.As(err, new(*spec.Untrusted)) {
		return exit(exitFailed, err)
	}
	if err != nil {
		log.Warn("the runtime directory cannot be used: nothing keeps another linkd away", "error", err)
	} else {
		defer release()
	}
	// The process ends before there is much to collect.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(garbageLimit)
	journal := reconcile.OpenJournal(o.inRuntimeDir(journalFile))
	defer journal.Close()
	if o.logLevel == "info" {
		// What a command did is its output.
		log = slog.New(quiet{log.Handler()})
	}
	engine, world, err := o.newEngine(kind.All(), journal, log)
	if err != nil {
		return exit(exitFailed, err)
	}
	defer world.Close()
	if search {
		engine.Search()
	}
	engine.Want(desired, desired.Unknown == nil)
	inbox := observe.NewInbox()
	if wait > 0 {
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
	status, err := converge(ctx, engine, inbox, again, wait)
	o.printStatus(os.Stdout, status)
	if err != nil {
		return err
	}
	if status.State == reconcile.Degraded || (wait > 0 && status.State != reconcile.Converged) || ctx.Err() != nil {
		return exit(exitFailed, ctx.Err())
	}
	return nil
}

// converge makes passes until everything is as wanted, nothing can be expected to change, or the time is up.
func converge(ctx context.Context, engine *reconcile.Engine, inbox *observe.Inbox, again func() (*spec.Desired, error), wait time.Duration) (*reconcile.Status, error) {
	start := time.Now()
	for {
		engine.Converge(ctx)
		status := engine.Status(nil)
		next, retry := engine.NextTry()
		limit := wait
		if engine.Retrying() {
			limit = max(wait, tentativePause)
		}
		left := limit - time.Since(start)
		if status.State == reconcile.Converged || left <= 0 || ctx.Err() != nil {
			return status, nil
		}
		pause := left
		if retry {
			pause = min(pause, time.Until(next))
		}
		timer := time.NewTimer(max(0, pause))
		select {
		case <-ctx.Done():
		case <-inbox.Ready:
			news, overruns := inbox.Take()
			engine.Hear(news)
			if overruns > 0 {
				engine.LookAtAll()
			}
			if slices.ContainsFunc(news, func(n observe.News) bool { return n.Topic == observe.PopulationTopic }) {
				desired, err := again()
				if err != nil {
					return status, err
				}
				engine.Repopulate(desired, desired.Unknown == nil)
			}
		case <-timer.C:
		}
		timer.Stop()
	}
}

// quiet lets only warnings through.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
