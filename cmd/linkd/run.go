package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/dhcp"
	"linkd/pkg/fleet"
	"linkd/pkg/history"
	"linkd/pkg/kind"
	"linkd/pkg/metrics"
	"linkd/pkg/observe"
	"linkd/pkg/pool"
	"linkd/pkg/probe"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/spec"
	"linkd/pkg/trial"
)

func newRun(o *options) *cobra.Command {
	var metricsAddress, mountsFile string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon: apply the files, and revert drift",
		Long: "Run the daemon in the foreground. It applies the files, applies them again when they change, and reverts " +
			"drift. SIGHUP makes it read the files again. SIGTERM stops it with the exit status 0; everything that it " +
			"configured stays.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if metricsAddress != "" {
				if _, err := metrics.ParseLoopback(metricsAddress); err != nil {
					return fmt.Errorf("--metrics: %w", err)
				}
			}
			return o.run(cmd.Context(), metricsAddress, mountsFile)
		},
	}
	cmd.Flags().StringVar(&metricsAddress, "metrics", "", "loopback `ADDRESS:PORT` on which Prometheus can scrape /metrics, such as 127.0.0.1:9108")
	cmd.Flags().StringVar(&mountsFile, "mount-namespace", "", "mount namespace, as a `FILE` such as /proc/1/ns/mnt, in which to name network namespaces (default linkd's own)")
	return cmd
}

func (o *options) run(ctx context.Context, metricsAddress, mountsFile string) error {
	limitGarbage()
	limit := reconcile.NewLogLimit(o.logger(stderr).Handler())
	defer limit.Flush()
	log := slog.New(limit)
	if err := slowMonitor(); err != nil {
		log.Debug("cannot slow down the monitor thread, so repairs take more CPU time", "error", err)
	}
	release, err := control.Lock(o.runtimeDir)
	switch {
	case errors.Is(err, control.ErrLocked):
		return exit(exitFailed, fmt.Errorf("%w (%s)\nRun `linkd status` to see whether it is the daemon", err, o.runtimeDir))
	case isOrdinaryUser(err):
		return exit(exitFailed, errNotRoot)
	case errors.As(err, new(*spec.Untrusted)):
		return exit(exitFailed, err)
	case err != nil:
		log.Warn(noLockWarning, "error", err)
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
	if mountsFile != "" {
		if mountNamespace, err = world.MountIn(mountsFile); err != nil {
			return exit(exitFailed, fmt.Errorf("--mount-namespace: %w", err))
		}
	}

	inbox := observe.NewInbox()
	stopListening, err := world.Listen(inbox, engine.Topics())
	if err != nil {
		return exit(exitFailed, err)
	}
	defer stopListening()
	for _, k := range kind.All() {
		if k.Samples != nil {
			defer world.Sample(inbox, k.Samples)()
		}
	}
	if stopSettings, err := world.WatchSettings(inbox); err != nil {
		log.Warn("cannot watch settings: linkd looks at them every 30 seconds only", "error", err)
	} else {
		defer stopSettings()
	}
	watchPaths, stopPaths, err := world.WatchPaths(inbox)
	if err != nil {
		return exit(exitFailed, fmt.Errorf("watch for namespaces: %w", err))
	}
	defer stopPaths()
	changed, stopFiles, err := spec.Watch(o.config)
	if err != nil {
		return exit(exitFailed, fmt.Errorf("watch the files: %w", err))
	}
	defer stopFiles()

	if err := o.joinFleet(log); err != nil {
		return exit(exitFailed, err)
	}
	o.completeInstallation(log)
	o.pools().Write()
	loader := spec.NewLoader(o.language(), o.inRuntimeDir(lastGoodFile))
	loop := reconcile.NewLoop(engine)
	loop.Log = log
	loop.Inbox = inbox
	loop.FilesChanged = changed
	loop.Declared = watchPaths
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	past := history.Open(o.historyDir())
	recorder := history.NewRecorder(past, func(err error) { log.Warn(noHistoryWarning, "error", err) })
	defer recorder.Close()
	trials := &trial.Keeper{Config: o.config, StateDir: o.stateDir, Loader: loader, Reload: loop.Reload, Past: past.Files, Loaded: recorder.Loaded}
	if o.node != nil {
		trials.Further = o.node
		loop.Fleet = o.node.State
		o.node.Reload = func() { go func() { _, _ = loop.Reload(running) }() }
		o.node.Describe = func() fleet.Report { return o.describe(loop) }
	}
	loop.Stamp = trials.Stamp
	watch := probe.NewWatch(world, loop.Report)
	loop.Probes = watch.Status
	trials.Probe = watch.Check
	leases, err := dhcp.OpenStore(o.leasesFile())
	if err != nil {
		log.Warn("cannot read the leases", "error", err)
	}
	clients := dhcp.NewClients(running, world, leases, inbox.Populate, log)
	o.lease = clients.Lease
	checker := pool.NewChecker(running, world, o.pools(), inbox.Populate)
	loop.Load = func() reconcile.Loaded {
		loaded := o.load(trials, clients, inbox, log)
		checker.Check()
		if loaded.Err == nil {
			watch.Declare(loaded.Desired)
			o.announce(loaded)
		}
		return loaded
	}
	meter := newMeter(loop)
	loop.OnEvents = func(events []reconcile.Event) {
		meter.Note(events)
		recorder.Note(events)
		o.wakeNode()
	}
	watchdog, err := newWatchdog()
	if err != nil {
		log.Warn("cannot notify systemd's watchdog", "error", err)
	}
	engine.Worker.Progress = watchdog.progress
	loop.Heartbeat = watchdog.rhythm()
	loop.OnStatus = func(s *reconcile.Status) {
		meter.Passed(s.Took)
		recorder.Passed(s.State)
		watchdog.passed(report.Summary(s) + trialNote(trials.Current()))
		watch.Converged(s)
		clients.Wake()
		checker.Wake()
		o.notePass()
	}
	stopServing, err := control.Serve(o.runtimeDir, control.Identity{Version: version, PID: os.Getpid(), MountNamespace: mountNamespace}, loop, trials, meter.Handler(), log)
	if err != nil {
		log.Warn("cannot open the control socket: commands cannot reach this daemon", "error", err)
	} else {
		defer stopServing()
	}
	defer serveMetrics(metricsAddress, meter, log)()

	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go func() {
		for {
			select {
			case <-hangup:
				_, _ = loop.Reload(ctx)
			case <-ctx.Done():
				// The loop goes on until what a trial has changed is as before.
				trials.Stop()
				stop()
				return
			}
		}
	}()
	var work sync.WaitGroup
	work.Go(func() { watch.Run(running) })
	if o.node != nil {
		work.Go(func() { o.node.Run(running) })
	}
	loop.Run(running)
	work.Wait()
	clients.Wait()
	checker.Wait()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	log.Info("linkd has stopped; everything that it configured stays")
	return nil
}

// completeInstallation completes the installation of a trial's files that was going on when the last daemon was killed.
func (o *options) completeInstallation(log *slog.Logger) {
	paths, err := trial.Complete(o.stateDir, o.config)
	if err != nil {
		log.Warn("cannot complete the installation of a trial's files", "error", err)
	}
	for _, path := range paths {
		log.Info("installed a file of a trial that was confirmed", "file", path)
	}
}

// trialNote returns what to add to a summary while a trial runs.
func trialNote(t *reconcile.Trial) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("; trial of %s until %s", strings.Join(t.Files, ", "), t.Deadline.Local().Format("15:04:05"))
}
