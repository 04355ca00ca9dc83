package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/kind"
	"linkd/pkg/metrics"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func newRun(o *options) *cobra.Command {
	var metricsAt, mounts string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon: watch the files and the kernel, converge, repair",
		Long: "Run the daemon, in the foreground: it applies the files and each change of them, and puts right what " +
			"others undo. SIGHUP reloads; SIGTERM ends it with the exit status 0, and leaves the wiring.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if metricsAt != "" {
				if _, err := metrics.ParseLoopback(metricsAt); err != nil {
					return fmt.Errorf("--metrics: %w", err)
				}
			}
			return o.run(cmd.Context(), metricsAt, mounts)
		},
	}
	cmd.Flags().StringVar(&metricsAt, "metrics", "", "loopback `ADDRESS:PORT` on which Prometheus may fetch /metrics, such as 127.0.0.1:9108")
	cmd.Flags().StringVar(&mounts, "mount-namespace", "", "mount namespace (a `FILE`) to name network namespaces in, if not its own")
	return cmd
}

// garbagePercent is how much garbage, in percent of what is in use, the daemon lets come together.
const garbagePercent = 50

func (o *options) run(ctx context.Context, metricsAt, mounts string) error {
	// A daemon is there to be small: what a pass of everything leaves behind is soon gone, and passes are rare.
	debug.SetGCPercent(garbagePercent)
	limit := reconcile.NewLogLimit(o.logger(stderr).Handler())
	defer limit.Flush()
	log := slog.New(limit)
	release, err := control.Lock(o.runtimeDir)
	switch {
	case errors.Is(err, control.ErrLocked):
		return exit(exitFailed, fmt.Errorf("%w (%s)", err, o.runtimeDir))
	case errors.As(err, new(*spec.Untrusted)):
		return exit(exitFailed, err)
	case err != nil:
		log.Warn("the runtime directory cannot be used: nothing keeps another linkd away", "error", err)
	default:
		defer release()
	}

	journal := reconcile.OpenJournal(o.inRuntimeDir(journalFile))
	defer journal.Close()
	if err := journal.Broken(); err != nil {
		log.Warn(err.Error())
	}
	engine, world, err := o.newEngine(kind.All(), journal, log)
	if err != nil {
		return exit(exitFailed, err)
	}
	defer world.Close()
	mountNamespace := ""
	if mounts != "" {
		if mountNamespace, err = world.MountIn(mounts); err != nil {
			return exit(exitFailed, fmt.Errorf("where to name network namespaces: %w", err))
		}
	}

	inbox := observe.NewInbox()
	deafen, err := world.Listen(inbox, engine.Topics())
	if err != nil {
		return exit(exitFailed, err)
	}
	defer deafen()
	for _, k := range kind.All() {
		if k.Samples != nil {
			defer world.Sample(inbox, k.Samples)()
		}
	}
	rewatch, stopPaths, err := world.WatchPaths(inbox)
	if err != nil {
		return exit(exitFailed, fmt.Errorf("watch for namespaces: %w", err))
	}
	defer stopPaths()
	changed, stopFiles, err := spec.Watch(o.config)
	if err != nil {
		return exit(exitFailed, fmt.Errorf("watch the files: %w", err))
	}
	defer stopFiles()

	loader := spec.NewLoader(o.language(), o.inRuntimeDir(lastGoodFile))
	loop := reconcile.NewLoop(engine)
	loop.Log = log
	loop.Inbox = inbox
	loop.FilesChanged = changed
	loop.Declared = rewatch
	loop.Stamp = func() string { return spec.Stamp(o.config) }
	loop.Load = func() reconcile.Loaded { return o.load(loader, log) }
	meter := newMeter(loop)
	loop.OnEvents = meter.Note
	watchdog, err := newWatchdog()
	if err != nil {
		log.Warn("systemd's watchdog is not fed", "error", err)
	}
	engine.Worker.Progress = watchdog.progress
	loop.Heartbeat = watchdog.rhythm()
	loop.OnStatus = func(s *reconcile.Status) {
		meter.Passed(s.Took)
		watchdog.passed(summary(s))
	}
	stopServing, err := control.Serve(o.runtimeDir, control.Identity{Version: version, PID: os.Getpid(), MountNamespace: mountNamespace}, loop, meter.Handler(), log)
	if err != nil {
		log.Warn("there is no control socket: no command can ask this daemon", "error", err)
	} else {
		defer stopServing()
	}
	defer serveMetrics(metricsAt, meter, log)()

	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go func() {
		for {
			select {
			case <-hangup:
				_, _, _ = loop.Reload(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	loop.Run(ctx)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	log.Info("stopped: the wiring stays")
	return nil
}

// load reads the files and keeps what of them is good.
func (o *options) load(loader *spec.Loader, log *slog.Logger) reconcile.Loaded {
	files, err := spec.ReadTrusted(o.config)
	if err != nil {
		return reconcile.Loaded{Err: err}
	}
	l := reconcile.Loaded{}
	for _, f := range files {
		l.Again = l.Again || f.Err == spec.ErrBeingWritten
	}
	l.Desired, l.Files, l.Complete, l.Errors = loader.Load(files)
	if err := loader.Save(); err != nil {
		log.Warn("the last good files cannot be kept over a restart", "error", err)
	}
	return l
}

// summary is a line about the whole.
func summary(s *reconcile.Status) string {
	counts := s.Count()
	text := fmt.Sprintf("%s: %d ok", s.State, counts[reconcile.OK])
	for _, state := range []reconcile.State{reconcile.Pending, reconcile.Failed, reconcile.Blocked, reconcile.Flapping} {
		if counts[state] > 0 {
			text += fmt.Sprintf(", %d %s", counts[state], state)
		}
	}
	return text
}
