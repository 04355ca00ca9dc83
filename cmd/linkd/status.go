package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
)

func newStatus(o *options) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status [ID...]",
		Short: "Show the state of each resource",
		Long: "Print a line for each resource, or for those with the given IDs: its state, its ID, the line of the " +
			"file that declares it, and the reason for its state. The exit status is 0 if all of them have " +
			"converged, 1 if not, 3 if no daemon is running.",
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
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again whenever it changes; on a terminal, redraw it in place")
	return cmd
}

// colours are the colours of the states on a terminal.
var colours = map[reconcile.State]text.Colors{
	reconcile.OK:       {text.FgGreen},
	reconcile.Pending:  {text.FgYellow},
	reconcile.Failed:   {text.FgRed},
	reconcile.Blocked:  {text.FgRed},
	reconcile.Flapping: {text.FgMagenta},
}

// printStatus writes the status as a table with problems and a summary below, or as JSON.
func (o *options) printStatus(w io.Writer, s *reconcile.Status) {
	if o.json() {
		_ = json.NewEncoder(w).Encode(s)
		return
	}
	colour := coloured(w)
	for _, line := range append(tableLines(s), probeLines(s)...) {
		if colour {
			line = colourState(line)
		}
		fmt.Fprintln(w, line)
	}
	for _, line := range problemLines(s) {
		fmt.Fprintln(w, line)
	}
	printLeft(w, s.Left)
	printTrial(w, s.Trial)
	fmt.Fprintln(w, summary(s))
}

// colourState returns a line of the table with its state in colour.
func colourState(line string) string {
	state, _, _ := strings.Cut(line, " ")
	if c := colours[reconcile.State(state)]; len(c) > 0 {
		return c.Sprint(state) + line[len(state):]
	}
	return line
}

// tableLines returns one line for each resource.
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

// problemLines returns the errors of files whose present content is not in force, and the warnings.
func problemLines(s *reconcile.Status) (lines []string) {
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

// columns is the style of a table without lines, with two spaces between its columns.
var columns = func() table.Style {
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	return style
}()

// printNotOK writes one line for each resource that is not ok.
func (o *options) printNotOK(w io.Writer, s *reconcile.Status) {
	for _, r := range s.Resources {
		if r.State != reconcile.OK {
			fmt.Fprintf(w, "%s: %s %s: %s\n", r.Source, r.ID, r.State, r.Reason)
		}
	}
}
