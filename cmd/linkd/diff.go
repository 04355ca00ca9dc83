package main

import (
	"github.com/spf13/cobra"

	"linkd/pkg/reconcile"
)

func newDiff(o *options) *cobra.Command {
	var prune bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what linkd would change",
		Long: "Compare the files with the system, and print what apply or the daemon would do: + create, ~ change, " +
			"± delete and create again, - delete. Problems, and what linkd waits for, come after that. With --config -, " +
			"linkd reads a file from standard input. The exit status is 0 if they would do nothing, 1 if they would " +
			"do something, 2 if linkd cannot tell. Resources of files outside of --config would stay, and diff lists them; " +
			"with --prune they would be removed.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, status, err := o.look(cmd.Context(), prune)
			if err != nil {
				return err
			}
			switch err = o.printPlan(plan, status); {
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
