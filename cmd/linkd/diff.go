package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"linkd/pkg/kind"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func newDiff(o *options) *cobra.Command {
	var prune bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Print what apply would change, without changing it",
		Long: "Compare the files with the system, and print what apply or the daemon would do: + create, ~ change, " +
			"- delete. The exit status is 0 if they would do nothing, 1 if they would do something, 2 if linkd " +
			"cannot tell. What files outside of --config made would stay, and diff lists it; with --prune it would be " +
			"removed.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			desired, err := o.loadValid(cmd.Context(), spec.ReadToLook)
			if err != nil {
				return err
			}
			desired.Within = o.within(prune)
			journal := reconcile.ReadJournal(o.inRuntimeDir(journalFile))
			engine, world, err := o.newEngine(kind.All(), journal, slog.New(slog.DiscardHandler))
			if err != nil {
				return exit(exitInvalid, err)
			}
			defer world.Close()
			if err := world.LookOnly(cmd.Context()); err != nil {
				return exit(exitInvalid, err)
			}
			engine.Want(desired, desired.Unknown == nil)
			plan := engine.Plan(cmd.Context())
			status := engine.Status(nil)
			status.Left = leftAlone(engine)
			if o.json() {
				err = printChanges(os.Stdout, plan, status)
			} else {
				_, err = fmt.Fprint(stdout, plan)
				for _, line := range problemLines(status) {
					fmt.Fprintln(stderr, line)
				}
				o.printNotOK(stderr, status)
				printLeft(stderr, status.Left)
			}
			switch {
			case err != nil:
				return exit(exitInvalid, err)
			case status.State == reconcile.Degraded:
				return exit(exitInvalid, nil)
			case len(plan) > 0:
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&prune, "prune", false, pruneUsage)
	return cmd
}

// change is one op of the plan in the JSON form of `linkd diff`.
type change struct {
	Op     reconcile.Verb    `json:"op"`
	ID     string            `json:"id"`
	Fields []reconcile.Field `json:"fields"`
	Source string            `json:"source"`
}

// printChanges writes the plan as JSON. Resources that are not ok and that no op changes are in "unplanned".
func printChanges(w io.Writer, plan reconcile.Plan, status *reconcile.Status) error {
	out := struct {
		Version   int                        `json:"version"`
		Changes   []change                   `json:"changes"`
		Unplanned []reconcile.ResourceStatus `json:"unplanned,omitempty"`
		Left      []reconcile.LeftResource   `json:"left_alone,omitempty"`
	}{Version: 1, Changes: []change{}, Left: status.Left}
	for _, op := range plan {
		c := change{Op: op.Verb, ID: op.ID().String(), Fields: op.Why}
		if c.Fields == nil {
			c.Fields = []reconcile.Field{}
		}
		if op.Want != nil {
			c.Source = op.Want.Origin().String()
		}
		out.Changes = append(out.Changes, c)
	}
	for _, r := range status.Resources {
		if r.State != reconcile.OK {
			out.Unplanned = append(out.Unplanned, r)
		}
	}
	return json.NewEncoder(w).Encode(out)
}
