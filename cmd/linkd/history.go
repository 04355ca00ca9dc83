package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"linkd/pkg/history"
	"linkd/pkg/plain"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

func (o *options) historyDir() string { return filepath.Join(o.stateDir, "history") }

func newHistory(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history [NUMBER]",
		Short: "List the last applied states, or print the files of one",
		Long: "List the last applied states: the number, the time, who applied it (files: the daemon, after they changed; trial, " +
			"confirmed or reverted: linkd try; apply or teardown: these commands), what linkd did, and the overall state after that. " +
			"With a NUMBER, print the files of that state. linkd try --history NUMBER applies it again. linkd keeps 100 states, or " +
			"64 MiB, in --state-dir. The exit status is 1 if linkd " +
			"cannot read them.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			store := history.Open(o.historyDir())
			if len(args) == 1 {
				return o.printState(store, args[0])
			}
			entries, err := store.Entries()
			if errors.Is(err, fs.ErrPermission) {
				return exit(exitFailed, fmt.Errorf("permission denied: run linkd as root (%s)", o.historyDir()))
			}
			if o.json() {
				if entries == nil {
					entries = []history.Entry{}
				}
				_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"version": 1, "states": entries})
			} else {
				printEntries(entries)
			}
			if err != nil {
				return exit(exitFailed, err)
			}
			return nil
		},
	}
	cmd.AddCommand(newHistoryDiff(o))
	return cmd
}

func newHistoryDiff(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "diff NUMBER [NUMBER]",
		Short: "Compare the files of two states",
		Long: "Print how the files of a state differ from those of another, as a unified diff: by default from those of the newest " +
			"state. The exit status is 0 if they are the same, 1 if they differ, 2 if linkd cannot tell.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			store := history.Open(o.historyDir())
			if len(args) == 1 {
				entries, err := store.Entries()
				if len(entries) == 0 {
					return exit(exitInvalid, cmp.Or(err, errors.New("the history is empty")))
				}
				args = append(args, strconv.Itoa(entries[len(entries)-1].Number))
			}
			from, err := stateFiles(store, args[0])
			if err != nil {
				return exit(exitInvalid, err)
			}
			to, err := stateFiles(store, args[1])
			if err != nil {
				return exit(exitInvalid, err)
			}
			text := history.Diff(args[0], args[1], from, to)
			_, _ = stdout.Write(text)
			if len(text) > 0 {
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
}

func stateFiles(store *history.Store, number string) ([]spec.File, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q is not the number of a state: see `linkd history`", number)
	}
	return store.Files(n)
}

func printEntries(entries []history.Entry) {
	t := table.NewWriter()
	t.SetStyle(columns)
	for _, e := range entries {
		t.AppendRow(table.Row{
			e.Number, stamp(e.Time), e.Cause,
			report.Result{Created: e.Created, Changed: e.Changed, Deleted: e.Deleted}, cmp.Or(e.State, "interrupted"),
		})
	}
	_ = printTable(t, len(entries))
}

// printState prints the files of a state.
func (o *options) printState(store *history.Store, number string) error {
	files, err := stateFiles(store, number)
	if err != nil {
		return exit(exitInvalid, err)
	}
	return o.printFiles(files)
}

// printFiles prints files, each after a line with its path.
func (o *options) printFiles(files []spec.File) error {
	if o.json() {
		type file struct {
			Path string `json:"path"`
			Text string `json:"text"`
		}
		out := []file{}
		for _, f := range files {
			out = append(out, file{f.Path, string(f.Text)})
		}
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"version": 1, "files": out})
		return nil
	}
	for _, f := range files {
		fmt.Fprintf(stdout, "# %s\n%s", plain.Text(f.Path), f.Text)
		if n := len(f.Text); n > 0 && f.Text[n-1] != '\n' {
			fmt.Fprintln(stdout)
		}
	}
	return nil
}
