package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"linkd/pkg/control"
	"linkd/pkg/pause"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

// styleOn returns how text is laid out on f: for a terminal as wide as that, and else for a program.
func styleOn(f *os.File) report.Style {
	if !isTerminal(f) {
		return report.Style{}
	}
	_, columns := screenSize(f)
	return report.Style{Width: columns, Colour: coloured(f)}
}

// printMessage writes a message for people to stderr. On a terminal, it breaks lines between words; the lines of a file that an
// error shows fit.
func printMessage(message string) {
	style := styleOn(os.Stderr)
	for line := range strings.SplitSeq(message, "\n") {
		_ = printLines(stderr, style.Wrap(line, "  "))
	}
}

// printTable prints a table with this number of rows, without blanks at the ends of lines; nothing if it has none.
func printTable(t table.Writer, rows int) error {
	if rows == 0 {
		return nil
	}
	var lines []string
	for line := range strings.Lines(t.Render() + "\n") {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return printLines(stdout, lines)
}

// stamp returns a time for a table, in the machine's time zone.
func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

// printLines writes lines of pkg/report, which have no control characters but those of their colours.
func printLines(w io.Writer, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// printProblems writes what keeps resources from the desired state, and what an apply leaves alone; below an empty line, if the changes are above it.
func printProblems(f *os.File, status *reconcile.Status) error {
	lines := report.Problems(status, styleOn(f))
	if len(lines) > 0 && len(status.Left) > 0 {
		lines = append(lines, "")
	}
	lines = append(lines, leftLines(status.Left)...)
	if len(lines) > 0 && (f == os.Stdout || isTerminal(f)) {
		lines = append([]string{""}, lines...)
	}
	return printLines(f, lines)
}

// printDone writes what a command did, the number of changes, and the problems that are left; or all of it as JSON, together
// with the status.
func (o *options) printDone(changes []reconcile.Change, more int, status *reconcile.Status) error {
	result := report.Count(changes, more)
	if o.json() {
		return json.NewEncoder(os.Stdout).Encode(struct {
			*reconcile.Status
			Changes []reconcile.Change `json:"changes"`
			Result  report.Result      `json:"result"`
		}{status, changes, result})
	}
	if err := printChanges(changes, result.Done(status)); err != nil {
		return err
	}
	return printProblems(os.Stdout, status)
}

// printChanges writes changes and, below an empty line, their number.
func printChanges(changes []reconcile.Change, summary string) error {
	lines := report.Changes(changes, styleOn(os.Stdout))
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return printLines(os.Stdout, append(lines, summary))
}

// newProgressLine begins a progress line on stderr, if that is a terminal.
func newProgressLine() *report.Progress {
	width := func() int {
		_, columns := screenSize(os.Stderr)
		return columns
	}
	if !isTerminal(os.Stderr) || os.Getenv("TERM") == "dumb" {
		return report.NewProgress(nil, width)
	}
	return report.NewProgress(os.Stderr, width)
}

// showProgress draws on a terminal how far the daemon is, until the caller calls hide.
func showProgress(ctx context.Context, client *control.Client) (hide func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	line := newProgressLine()
	go func() {
		defer close(done)
		defer line.Clear()
		for line.Due(ctx) {
			if at, err := client.Progress(ctx); err == nil && ctx.Err() == nil {
				line.Draw(*at)
			}
			pause.For(ctx, report.RedrawPause)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
