package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"linkd/pkg/fleet"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// The words for a node that are no states of its resources.
const (
	goneWord   = "gone"
	behindWord = "behind"
)

// wordOf returns how a node stands.
func wordOf(m fleet.Member, revision int64) string {
	switch {
	case !m.Alive:
		return goneWord
	case m.Damaged != "":
		return "unknown"
	case m.Revision != revision:
		return behindWord
	}
	return plain.Text(m.State)
}

func newFleetStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show which nodes have the newest files in force, and what is wrong with the others",
		Long: "Print the newest revision, how many nodes are in each state, and each node with a problem: gone (etcd has received nothing from it for some seconds), " +
			"behind (it has an earlier revision in force), or the state of its resources with the causes. The exit status is 0 if all nodes " +
			"have converged to the newest revision, 1 if not, 2 if linkd cannot tell.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withNodes(cmd.Context(), func(current *fleet.Revision, members []fleet.Member) (err error) {
				if o.json() {
					err = encodeFleet(current, members)
				} else {
					err = printLines(os.Stdout, fleetLines(current, members))
				}
				if err != nil {
					return exit(exitFailed, err)
				}
				if slices.ContainsFunc(members, func(m fleet.Member) bool { return wordOf(m, current.Number) != reconcile.Converged }) {
					return exit(exitFailed, nil)
				}
				return nil
			})
		},
	}
}

func newFleetNodes(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "nodes",
		Short: "List the nodes",
		Long: "List the nodes that have ever reported: name, how the node stands, the revision that it has in force, its labels, the name of its host, and the versions of its kernel " +
			"and of linkd. The exit status is 0, or 2 if linkd cannot tell.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.withNodes(cmd.Context(), func(current *fleet.Revision, members []fleet.Member) error {
				if o.json() {
					return encodeFleet(current, members)
				}
				t := table.NewWriter()
				t.SetStyle(columns)
				for _, m := range members {
					t.AppendRow(table.Row{m.Node.Name, wordOf(m, current.Number), m.Revision, plain.Text(labelText(m.Node)), plain.Text(m.Facts.Host), plain.Text(m.Facts.Kernel), plain.Text(m.Facts.Linkd)})
				}
				return printTable(t, len(members))
			})
		},
	}
}

func labelText(n spec.Node) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(n.Labels)) {
		words = append(words, key+"="+n.Labels[key])
	}
	return strings.Join(words, ",")
}

// withNodes calls f with the newest revision and all nodes.
func (o *options) withNodes(ctx context.Context, f func(*fleet.Revision, []fleet.Member) error) error {
	return o.withStore(func(s *fleet.Store) error {
		current, err := s.Current(ctx)
		if err != nil {
			return exit(exitInvalid, err)
		}
		members, err := s.Nodes(ctx)
		if err != nil {
			return exit(exitInvalid, err)
		}
		return f(current, members)
	})
}

func encodeFleet(current *fleet.Revision, members []fleet.Member) error {
	if members == nil {
		members = []fleet.Member{}
	}
	type node struct {
		Name string `json:"name"`
		Word string `json:"word"`
		fleet.Member
	}
	nodes := make([]node, len(members))
	for i, m := range members {
		nodes[i] = node{m.Node.Name, wordOf(m, current.Number), m}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"version": 1, "revision": current.Number, "nodes": nodes})
}

// fleetLines returns the summary, and the nodes with a problem.
func fleetLines(current *fleet.Revision, members []fleet.Member) (lines []string) {
	count := map[string]int{}
	for _, m := range members {
		count[wordOf(m, current.Number)]++
	}
	var words []string
	for _, word := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%d %s", count[word], word))
	}
	head := fmt.Sprintf("revision %d, stored %s by %s; ", current.Number, stamp(current.Time), plain.Text(current.By))
	if current.Number == 0 {
		head = "no files are stored; "
	}
	lines = append(lines, head+plain.Count(len(members), "node")+": "+cmp.Or(strings.Join(words, ", "), "none has reported"))
	for _, m := range members {
		if word := wordOf(m, current.Number); word != reconcile.Converged {
			lines = append(lines, "", fmt.Sprintf("%s is %s%s", m.Node.Name, word, detail(m, word)))
			lines = append(lines, problemLines(m)...)
		}
	}
	return lines
}

func detail(m fleet.Member, word string) string {
	switch {
	case m.Damaged != "":
		return ": " + m.Damaged
	case word == goneWord && m.Time.IsZero():
		return ""
	case word == goneWord:
		return fmt.Sprintf("; its last report is of %s: revision %d, %s", stamp(m.Time), m.Revision, plain.Text(m.State))
	case word == behindWord:
		return fmt.Sprintf(": it has revision %d in force, %s", m.Revision, plain.Text(m.State))
	}
	return ""
}

// problemLines returns what a node reports about files, resources and probes, indented.
func problemLines(m fleet.Member) (lines []string) {
	add := func(text string) {
		for line := range strings.Lines(text) {
			lines = append(lines, "  "+plain.Text(strings.TrimRight(line, "\n")))
		}
	}
	for _, text := range m.Problems {
		add(text)
	}
	for _, p := range m.Probes {
		if p.State == reconcile.Failed {
			add(fmt.Sprintf("probe %s fails: %s", p.Name, p.Reason))
		}
	}
	return lines
}

func newFleetHistory(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "history [NUMBER]",
		Short: "List the last revisions, or print the files of one",
		Long: "List the last 100 revisions of the fleet's files: the number, when and by whom it was stored, and what changed. With a NUMBER, print the files " +
			"of that revision. The exit status is 0, or 2 if linkd cannot tell.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.withStore(func(s *fleet.Store) error {
				revisions, err := s.Revisions(cmd.Context())
				if err != nil {
					return exit(exitInvalid, err)
				}
				if len(args) == 0 {
					return o.printRevisions(revisions)
				}
				i := slices.IndexFunc(revisions, func(r *fleet.Revision) bool { return strconv.FormatInt(r.Number, 10) == args[0] })
				if i < 0 {
					return exit(exitInvalid, fmt.Errorf("etcd has no revision %q: see `linkd fleet history`", args[0]))
				}
				files, err := s.Files(cmd.Context(), revisions[i])
				if err != nil {
					return exit(exitInvalid, err)
				}
				return o.printFiles(files)
			})
		},
	}
}

func (o *options) printRevisions(revisions []*fleet.Revision) error {
	if o.json() {
		if revisions == nil {
			revisions = []*fleet.Revision{}
		}
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"version": 1, "revisions": revisions})
	}
	t := table.NewWriter()
	t.SetStyle(columns)
	before := &fleet.Revision{}
	for _, r := range revisions {
		t.AppendRow(table.Row{r.Number, stamp(r.Time), plain.Text(r.By), strings.Join(namesOfChanges(before, r), " ")})
		before = r
	}
	return printTable(t, len(revisions))
}

// namesOfChanges returns the files that differ, each with its sign.
func namesOfChanges(before, after *fleet.Revision) (names []string) {
	old := map[string]string{}
	for _, f := range before.Files {
		old[f.Name] = f.Hash
	}
	for _, f := range after.Files {
		if hash, was := old[f.Name]; !was {
			names = append(names, "+"+f.Name)
		} else if hash != f.Hash {
			names = append(names, "~"+f.Name)
		}
		delete(old, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		names = append(names, "-"+name)
	}
	return names
}

// without returns completions without those that are named already.
func without(all []cobra.Completion, named []string) []cobra.Completion {
	return slices.DeleteFunc(all, func(c cobra.Completion) bool {
		name, _, _ := strings.Cut(c, "\t")
		return slices.Contains(named, name)
	})
}
