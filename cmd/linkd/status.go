package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"linkd/pkg/control"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
)

func newStatus(o *options) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status [ID...]",
		Short: "Print how each resource stands",
		Long: "Print a line for each resource, or for those with these IDs: how it stands, its ID, the line of a " +
			"file that asks for it, and the reason where it is not as wanted. The exit status is 0 where " +
			"everything is as wanted, 1 where it is not, 3 where no daemon answers.",
		ValidArgsFunction: o.completeIDs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			client := control.NewClient(o.runtimeDir)
			if watch {
				return o.watch(cmd.Context(), client, ids)
			}
			status, err := client.Status(cmd.Context())
			if err != nil {
				return daemonError(err)
			}
			only, unknown := status.Only(ids)
			if len(unknown) > 0 {
				return exit(exitInvalid, fmt.Errorf("no file declares %s", strings.Join(unknown, ", ")))
			}
			o.printStatus(os.Stdout, only)
			if only.State != reconcile.Converged {
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "go on showing it whenever it changes; in place, on a terminal")
	return cmd
}

func newReload(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon read the files again, and wait until it has converged",
		Long: "Have the daemon read the files again, and wait until it has acted upon them. The exit status is 0 " +
			"where everything is as wanted, or pending; 1 where something failed; 2 where a file is not valid, " +
			"and then its last good content stays in force; 3 where no daemon answers.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reloaded, err := control.NewClient(o.runtimeDir).Reload(cmd.Context())
			if err != nil {
				return daemonError(err)
			}
			if o.json() {
				if err := json.NewEncoder(os.Stdout).Encode(reloaded); err != nil {
					return exit(exitFailed, err)
				}
			} else {
				o.printTrouble(stderr, reloaded.Status)
			}
			switch {
			case len(reloaded.Errors) > 0:
				return exit(exitInvalid, errors.New(strings.Join(reloaded.Errors, "\n")))
			case reloaded.Status.State == reconcile.Degraded:
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
}

func newWait(o *options) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait [ID...]",
		Short: "Block until everything, or what is named, is as wanted",
		Long: "Have the daemon look at the files and the kernel, and block until everything is as wanted, or the " +
			"resources with these IDs are. A daemon that does not run yet is waited for, too. The exit status is " +
			"0, or 1 where that was not so within --timeout.",
		ValidArgsFunction: o.completeIDs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			ctx := cmd.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			client := control.NewClient(o.runtimeDir)
			status, err := client.Wait(ctx, ids)
			if errors.Is(err, control.ErrNoDaemon) {
				fmt.Fprintf(stderr, "%v: waiting for one\n", err)
			}
			for errors.Is(err, control.ErrNoDaemon) && pause(ctx, daemonPause) {
				status, err = client.Wait(ctx, ids)
			}
			if err == nil {
				if o.json() {
					o.printStatus(os.Stdout, status)
				}
				return nil
			}
			switch {
			case ctx.Err() == nil:
				return daemonError(err)
			case cmd.Context().Err() != nil:
				return exit(exitFailed, errors.New("interrupted"))
			}
			if status, err = client.Status(cmd.Context()); err == nil {
				only, unknown := status.Only(ids)
				for _, id := range unknown {
					fmt.Fprintf(stderr, "%s: no file declares it\n", id)
				}
				o.printTrouble(stderr, only)
			}
			if err != nil {
				fmt.Fprintln(stderr, err)
			}
			return exit(exitFailed, fmt.Errorf("not converged after %s", timeout))
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long; 0 waits for ever")
	return cmd
}

// daemonPause is how often wait looks for a daemon that is not there yet: it may just be starting.
const daemonPause = 20 * time.Millisecond

// pause waits, and reports whether there is time left.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func daemonError(err error) error {
	if errors.Is(err, control.ErrNoDaemon) {
		return exit(exitNoDaemon, err)
	}
	return exit(exitFailed, err)
}

// colours of the states, on a terminal.
var colours = map[reconcile.State]text.Colors{
	reconcile.OK:       {text.FgGreen},
	reconcile.Pending:  {text.FgYellow},
	reconcile.Failed:   {text.FgRed},
	reconcile.Blocked:  {text.FgRed},
	reconcile.Flapping: {text.FgMagenta},
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func coloured(w io.Writer) bool {
	f, is := w.(*os.File)
	return is && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

// printStatus writes the status as a table, or as the JSON that is promised.
func (o *options) printStatus(w io.Writer, s *reconcile.Status) {
	if o.json() {
		_ = json.NewEncoder(w).Encode(s)
		return
	}
	colour := coloured(w)
	for _, line := range tableLines(s) {
		if colour {
			line = painted(line)
		}
		fmt.Fprintln(w, line)
	}
	for _, line := range troubleLines(s) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintln(w, summary(s))
}

// painted is a line of the table with its state in colour.
func painted(line string) string {
	state, _, _ := strings.Cut(line, " ")
	if c := colours[reconcile.State(state)]; len(c) > 0 {
		return c.Sprint(state) + line[len(state):]
	}
	return line
}

// tableLines are a line for each resource.
func tableLines(s *reconcile.Status) (lines []string) {
	if len(s.Resources) == 0 {
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(columns)
	for _, r := range s.Resources {
		t.AppendRow(table.Row{string(r.State), r.ID, plain.Text(r.Source), r.Reason})
	}
	for line := range strings.Lines(t.Render() + "\n") {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return lines
}

// troubleLines are a line for each file that is not in force as it is, and for each warning.
func troubleLines(s *reconcile.Status) (lines []string) {
	for _, f := range s.Files {
		if f.State != "loaded" {
			for line := range strings.Lines(fmt.Sprintf("%s: %s: %s", f.State, plain.Text(f.Path), f.Error)) {
				lines = append(lines, plain.Text(strings.TrimSuffix(line, "\n")))
			}
		}
	}
	for _, warning := range s.Warnings {
		lines = append(lines, "warning: "+plain.Text(warning))
	}
	return lines
}

// columns is a table of columns with nothing drawn between them.
var columns = func() table.Style {
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	return style
}()

// printTrouble writes a line for each resource that is not as wanted.
func (o *options) printTrouble(w io.Writer, s *reconcile.Status) {
	for _, r := range s.Resources {
		if r.State != reconcile.OK {
			fmt.Fprintf(w, "%s: %s %s: %s\n", r.Source, r.ID, r.State, r.Reason)
		}
	}
}
