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

// colours of the states, on a terminal.
var colours = map[reconcile.State]text.Colors{
	reconcile.OK:       {text.FgGreen},
	reconcile.Pending:  {text.FgYellow},
	reconcile.Failed:   {text.FgRed},
	reconcile.Blocked:  {text.FgRed},
	reconcile.Flapping: {text.FgMagenta},
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
