package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

func newStatus(o *options) *cobra.Command {
	var watch, all bool
	cmd := &cobra.Command{
		Use:   "status [ID...]",
		Short: "Show the state, and each problem with its cause",
		Long: "Print a summary, and then each problem with the resources that it affects. With --all, or for the " +
			"resources with the given IDs, also print a line for each resource: its state, its ID, the line of the " +
			"file that declares it, and the reason for its state. Without a daemon, print what linkd diff knows. The " +
			"exit status is 0 if everything has converged, 1 if not, or if a file is not in force, 3 if no daemon is " +
			"running.",
		ValidArgsFunction: o.completeIDs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			client := control.NewClient(o.runtimeDir)
			if watch {
				return o.watch(cmd.Context(), client, ids, all)
			}
			status, err := client.Status(cmd.Context())
			switch {
			case errors.Is(err, control.ErrNoDaemon):
				return o.statusWithoutDaemon(cmd.Context(), ids, all, daemonError(err))
			case err != nil:
				return daemonError(err)
			}
			if err := o.printStatus(status, ids, all); err != nil {
				return err
			}
			if only, _ := status.Only(ids); only.State != reconcile.Converged {
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also print a line for each resource")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again whenever it changes; on a terminal, redraw it in place")
	return cmd
}

// printStatus writes a summary and the problems; with all, also one line for each resource; with IDs, one line for each of
// these and a summary; or the status as JSON.
func (o *options) printStatus(s *reconcile.Status, ids []string, all bool) error {
	only, unknown := s.Only(ids)
	if len(unknown) > 0 {
		return exit(exitInvalid, fmt.Errorf("no file declares %s", strings.Join(unknown, ", ")))
	}
	if o.json() {
		return json.NewEncoder(os.Stdout).Encode(only)
	}
	style := styleOn(os.Stdout)
	if len(ids) > 0 {
		return printLines(os.Stdout, append(tableLines(only, style), report.Summary(only)))
	}
	lines := report.Status(only, style)
	if all && len(only.Resources) > 0 {
		lines = append(append(lines, ""), tableLines(only, style)...)
	}
	if err := printLines(os.Stdout, append(lines, probeBlock(only, style)...)); err != nil {
		return err
	}
	printTrial(stdout, only.Trial)
	printFleet(stdout, only.Fleet)
	return nil
}

// tableLines returns one line for each resource. On a terminal, a line ends where that does: the problems have the whole
// reason.
func tableLines(s *reconcile.Status, style report.Style) (lines []string) {
	if len(s.Resources) == 0 {
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(columns)
	source := func(r reconcile.ResourceStatus) string { return plain.Text(r.Source) }
	if style.Width > 0 && widthOf(s, source) > style.Width {
		// The number of the line says more than the directory.
		source = func(r reconcile.ResourceStatus) string { return filepath.Base(plain.Text(r.Source)) }
	}
	reasons := style.Width == 0 || style.Width-widthOf(s, source) >= leastReason
	for _, r := range s.Resources {
		row := table.Row{string(r.State), r.ID, source(r)}
		if reasons {
			row = append(row, r.Reason)
		}
		t.AppendRow(row)
	}
	for line := range strings.Lines(t.Render() + "\n") {
		line = strings.TrimRight(line, " \n")
		if style.Width > 0 {
			line = report.Cut(line, style.Width)
		}
		state, rest, _ := strings.Cut(line, " ")
		lines = append(lines, style.Paint(state, state)+line[len(line)-len(rest)-min(1, len(rest)):])
	}
	return lines
}

// leastReason is how many columns a reason needs to be worth its beginning.
const leastReason = 20

// widthOf returns how many columns the state, the ID and the source of resources take, with the spaces between them.
func widthOf(s *reconcile.Status, source func(reconcile.ResourceStatus) string) int {
	var widths [3]int
	for _, r := range s.Resources {
		for i, word := range []string{string(r.State), r.ID, source(r)} {
			widths[i] = max(widths[i], text.StringWidth(word))
		}
	}
	return widths[0] + 2 + widths[1] + 2 + widths[2]
}

// columns is the style of a table without lines, with two spaces between its columns.
var columns = func() table.Style {
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	return style
}()
