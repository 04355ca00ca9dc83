package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"linkd/pkg/fleet"
	"linkd/pkg/history"
	"linkd/pkg/kind"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

// fleetFiles are the arguments of fleet apply and fleet diff.
type fleetFiles struct {
	args, remove []string
}

const fleetFilesHelp = "A directory stands for all files of the fleet: linkd removes the others from the fleet. A FILE replaces the one with its name, and --remove NAME removes one. "

func newFleetApply(o *options) *cobra.Command {
	var f fleetFiles
	cmd := &cobra.Command{
		Use:   "apply DIR|FILE...",
		Short: "Check files for all nodes, and store them in etcd",
		Long: "Store files as the next revision of the fleet, all of them at once. " + fleetFilesHelp +
			"Before that, linkd checks the files for each node that it knows, as linkd validate does. It stores nothing if one of them is not valid on one node. The files " +
			"have to be valid without those that nodes have in /etc/linkd.d. Every connected node applies them within a second or two; linkd fleet status shows that. " +
			"The exit status is 0, also if nothing has changed; 2 if files are not valid, or etcd did not store them.",
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.args = args
			return o.withStore(func(s *fleet.Store) error { return o.fleetApply(cmd.Context(), s, f) })
		},
	}
	cmd.Flags().StringArrayVar(&f.remove, "remove", nil, "remove the file with this `NAME` from the fleet; may be repeated")
	return cmd
}

func newFleetDiff(o *options) *cobra.Command {
	var f fleetFiles
	cmd := &cobra.Command{
		Use:   "diff DIR|FILE...",
		Short: "Compare files with those of the fleet, and check them",
		Long: "Print how files differ from those that the fleet has, as a unified diff, and check them for all nodes that linkd knows. " + fleetFilesHelp +
			"The exit status is 0 if they are the same, 1 if they differ, 2 if they are not valid or linkd cannot tell.",
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.args = args
			return o.withStore(func(s *fleet.Store) error { return o.fleetDiff(cmd.Context(), s, f) })
		},
	}
	cmd.Flags().StringArrayVar(&f.remove, "remove", nil, "compare without the file with this `NAME`; may be repeated")
	return cmd
}

// draft returns the draft of the files, the files before, and the nodes for which it was checked.
func (f fleetFiles) draft(ctx context.Context, s *fleet.Store) (d *fleet.Draft, before []spec.File, nodes []spec.Node, err error) {
	base, err := s.Current(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	if before, err = s.Files(ctx, base); err != nil {
		return nil, nil, nil, err
	}
	after, err := f.over(before)
	if err != nil {
		return nil, nil, nil, err
	}
	if d, err = fleet.NewDraft(base, after, whoStores()); err != nil {
		return nil, nil, nil, err
	}
	members, err := s.Nodes(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	nodes = d.KnownNodes(members)
	return d, before, nodes, faultsError(d.Check(kind.Language(), nodes), len(nodes))
}

// over returns the files of the fleet after the change.
func (f fleetFiles) over(before []spec.File) (after []spec.File, err error) {
	if len(f.args)+len(f.remove) == 0 {
		return nil, errors.New("name a directory, or files")
	}
	whole := len(f.args) == 1 && isDirectory(f.args[0])
	if !whole {
		after = slices.Clone(before)
	}
	for _, name := range f.remove {
		i := slices.IndexFunc(after, func(f spec.File) bool { return f.Path == name })
		if whole || i < 0 {
			return nil, fmt.Errorf("the fleet has no file %q to remove", name)
		}
		after = slices.Delete(after, i, i+1)
	}
	files, err := spec.ReadFiles(f.args)
	if err != nil {
		return nil, err
	}
	if whole && len(files) == 0 {
		return nil, fmt.Errorf("%s has no *.yaml or *.yml file: name those to remove with --remove", f.args[0])
	}
	seen := map[string]string{}
	for _, file := range files {
		if file.Err != nil {
			return nil, fmt.Errorf("%s: %w", file.Path, file.Err)
		}
		name := filepath.Base(file.Path)
		if other := seen[name]; other != "" {
			return nil, fmt.Errorf("%s and %s would be one file of the fleet, %s", other, file.Path, name)
		}
		seen[name] = file.Path
		file.Path = name
		if i := slices.IndexFunc(after, func(f spec.File) bool { return f.Path == name }); i >= 0 {
			after[i] = file
		} else {
			after = append(after, file)
		}
	}
	return after, nil
}

// whoStores returns who stores a revision, for others who want to know.
func whoStores() string {
	host, err := os.Hostname()
	if err != nil {
		return whoAsks()
	}
	return whoAsks() + " on " + host
}

// faultsError returns the errors of files, each with the nodes on which it is one.
func faultsError(faults []fleet.Fault, nodes int) error {
	if len(faults) == 0 {
		return nil
	}
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Error.WithExcerpt(), "  on "+someOf(f.Nodes, nodes))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// someOf names nodes, or says that they are all.
func someOf(names []string, all int) string {
	const most = 5
	switch {
	case len(names) == all && all > 1:
		return fmt.Sprintf("all %d nodes", all)
	case len(names) > most:
		return fmt.Sprintf("%s and %s", strings.Join(names[:most], ", "), plain.Count(len(names)-most, "more node"))
	case len(names) == 1:
		return "node " + names[0]
	}
	return "nodes " + strings.Join(names, ", ")
}

func (o *options) fleetApply(ctx context.Context, s *fleet.Store, f fleetFiles) error {
	d, before, nodes, err := f.draft(ctx, s)
	if err != nil {
		return exit(exitInvalid, fmt.Errorf("%w\nnothing was stored", err))
	}
	changes := changesOf(before, d)
	if !d.Unchanged() {
		if err := s.Apply(ctx, d); err != nil {
			return exit(exitInvalid, err)
		}
	}
	if o.json() {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"version": 1, "revision": d.Base.Number + int64(min(1, len(changes))), "changes": changes, "nodes": len(nodes)})
	}
	if d.Unchanged() {
		fmt.Fprintf(stdout, "nothing to do: the fleet has these files since revision %d\n", d.Base.Number)
		return nil
	}
	for _, c := range changes {
		fmt.Fprintf(stdout, "%s %s\n", signs[c.Op], plain.Text(c.File))
	}
	fmt.Fprintf(stdout, "stored revision %d, which is valid for %s\n", d.Next.Number, plain.Count(len(nodes), "known node"))
	return nil
}

// fileChange is what a revision changes about a file.
type fileChange struct {
	Op   string `json:"op"`
	File string `json:"file"`
}

var signs = map[string]string{"create": "+", "update": "~", "delete": "-"}

func changesOf(before []spec.File, d *fleet.Draft) []fileChange {
	changes := []fileChange{}
	old := map[string]string{}
	for _, f := range before {
		old[f.Path] = string(f.Text)
		if _, stays := d.Texts[f.Path]; !stays {
			changes = append(changes, fileChange{"delete", f.Path})
		}
	}
	for _, f := range d.Next.Files {
		text, was := old[f.Name]
		switch {
		case !was:
			changes = append(changes, fileChange{"create", f.Name})
		case text != string(d.Texts[f.Name]):
			changes = append(changes, fileChange{"update", f.Name})
		}
	}
	slices.SortFunc(changes, func(a, b fileChange) int { return strings.Compare(a.File, b.File) })
	return changes
}

func (o *options) fleetDiff(ctx context.Context, s *fleet.Store, f fleetFiles) error {
	d, before, _, err := f.draft(ctx, s)
	if err != nil && d == nil {
		return exit(exitInvalid, err)
	}
	var after []spec.File
	for _, f := range d.Next.Files {
		after = append(after, spec.File{Path: f.Name, Text: d.Texts[f.Name]})
	}
	text := history.Diff(fmt.Sprintf("revision-%d", d.Base.Number), "new", before, after)
	_, _ = stdout.Write(text)
	switch {
	case err != nil:
		return exit(exitInvalid, err)
	case len(text) > 0:
		return exit(exitFailed, nil)
	}
	return nil
}
