package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/spec"
	"linkd/pkg/trial"
)

func newTry(o *options) *cobra.Command {
	var as, remove []string
	var r trial.Request
	cmd := &cobra.Command{
		Use:   "try FILE...",
		Short: "Apply files for a limited time, and revert them unless you confirm",
		Long: "Make the daemon apply files as if they were in its configuration directory. To keep them, press ENTER or run " +
			"linkd confirm: linkd installs the files in the directory. Otherwise linkd restores the state before. It does so when the " +
			"time is over, after linkd revert, and when a probe named with --probe fails. It also does so when the terminal is gone " +
			"(because the change broke your SSH connection, for example), when linkd try or the daemon ends, and when the machine reboots. Until the trial ends, other changes to the directory " +
			"do not take effect. The exit status is 0 if the files were confirmed, 1 if they were reverted, 2 if they are " +
			"invalid or another trial runs, 3 if no daemon runs.",
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := readChanges(args, as, remove)
			if err != nil {
				return exit(exitInvalid, err)
			}
			if (len(changes) > 0) == (r.State > 0) {
				return exit(exitInvalid, errors.New("name the files to try, or --remove, or --history alone"))
			}
			r.Changes, r.By = changes, whoAsks()
			return o.try(cmd.Context(), r)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&r.For, "for", 2*time.Minute, "revert after this `DURATION` if nobody confirms")
	flags.StringArrayVar(&as, "as", nil, "`PATH` in the configuration of the first FILE, of the second, and so on; by default its name in the directory")
	flags.StringArrayVar(&remove, "remove", nil, "try without the file at this `PATH`; may be repeated")
	flags.StringArrayVar(&r.Probes, "probe", nil, "revert if the probe with this `NAME` fails while the trial runs; may be repeated")
	flags.IntVar(&r.State, "history", 0, "try the earlier state with this `NUMBER` (see `linkd history`)")
	return cmd
}

// readChanges reads the files to try.
func readChanges(args, as, remove []string) (changes []trial.Change, err error) {
	if len(as) > len(args) {
		return nil, fmt.Errorf("--as names the place of a FILE, and is given %d times for %d files", len(as), len(args))
	}
	for i, name := range args {
		f := spec.ReadFile(name)
		if f.Err != nil {
			return nil, fmt.Errorf("%s: %w", name, f.Err)
		}
		at := filepath.Base(name)
		switch {
		case i < len(as):
			at = as[i]
		case name == "-":
			return nil, errors.New("standard input has no name: use --as to name its place in the configuration")
		}
		if at, err = absolute(at); err != nil {
			return nil, err
		}
		changes = append(changes, trial.Change{Path: at, Text: f.Text, Mode: modeOf(name)})
	}
	for _, path := range remove {
		at, err := absolute(path)
		if err != nil {
			return nil, err
		}
		changes = append(changes, trial.Change{Path: at, Remove: true})
	}
	return changes, nil
}

// absolute makes a path absolute. It leaves a name without a directory as it is: the daemon puts it into its configuration directory.
func absolute(path string) (string, error) {
	if !strings.Contains(path, "/") {
		return path, nil
	}
	return filepath.Abs(path)
}

// modeOf returns the mode with which a new file is installed: that of the file, with no right to write for others than
// root, who would not read it then.
func modeOf(name string) fs.FileMode {
	info, err := os.Stat(name)
	if err != nil {
		return 0o600
	}
	return info.Mode().Perm()&0o644 | 0o600
}

// whoAsks describes who runs this command, for the others.
func whoAsks() string {
	name := os.Getenv("SUDO_USER")
	if name == "" {
		name = fmt.Sprintf("user %d", os.Getuid())
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	if tty, err := os.Readlink("/proc/self/fd/0"); err == nil && isTerminal(os.Stdin) {
		name += " on " + strings.TrimPrefix(tty, "/dev/")
	}
	return fmt.Sprintf("%s (process %d)", name, os.Getpid())
}

// try runs a trial until it ends.
func (o *options) try(ctx context.Context, r trial.Request) error {
	client := control.NewClient(o.runtimeDir)
	// A first signal reverts, and is answered; what ends this process otherwise reverts as well.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	// ctx ends with these signals, and the connection must last until the daemon has said what it did.
	ctx, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	steps, ended := make(chan trial.Step), make(chan error, 1)
	go func() {
		ended <- client.Try(ctx, r, func(s trial.Step) {
			select {
			case steps <- s:
			case <-ctx.Done():
			}
		})
	}()
	// answers are the daemon's answers to what the user decided: why it cannot be done.
	answers := make(chan error)
	decide := func(decision func(context.Context) error) {
		go func() {
			select {
			case answers <- decision(ctx):
			case <-ctx.Done():
			}
		}()
	}
	confirm := func(ctx context.Context) error {
		_, err := client.Confirm(ctx, r.By)
		return err
	}
	revert := func(ctx context.Context) error { return client.Revert(ctx, r.By) }
	ui := &trialView{o: o, client: client, lasts: r.For, line: newProgressLine()}
	defer ui.close()
	for {
		select {
		case step := <-steps:
			if done, err := ui.step(step); done {
				return err
			}
		case err := <-ended:
			ui.line.Clear()
			if errors.Is(err, control.ErrNoDaemon) {
				return daemonError(err)
			}
			return exit(exitFailed, err)
		case line, open := <-ui.lines():
			switch {
			case !open:
				// The terminal is gone, or the user has pressed ^D.
				ui.typed, ui.ending = nil, true
				decide(revert)
			case line != "":
				ui.say("Press ENTER alone to keep the files, or ^C to revert them.")
			default:
				decide(confirm)
			}
		case <-signals:
			if ui.ending {
				return exit(exitFailed, errors.New("linkd try does not wait for the daemon, which reverts the trial: see `linkd status`"))
			}
			ui.ending = true
			decide(revert)
		case err := <-answers:
			// If no trial runs any more, the last step says why.
			if err != nil && !errors.Is(err, control.ErrNoTrial) {
				ui.say("the trial goes on: " + err.Error())
			}
		case <-ui.tick():
			ui.draw(ctx)
		}
	}
}
