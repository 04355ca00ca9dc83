package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/plain"
)

func newConfirm(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "confirm",
		Short: "Install the files of the running trial",
		Long: "Install the files of the running trial (see linkd try) in the configuration directory: all of them, or none. " +
			"The exit status is 0 if they are installed, 1 if they cannot be, and then the trial continues, or if no trial runs, " +
			"3 if no daemon runs.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := control.NewClient(o.runtimeDir)
			hide := showProgress(cmd.Context(), client)
			files, err := client.Confirm(cmd.Context(), whoAsks())
			hide()
			if err != nil {
				return daemonError(err)
			}
			for _, f := range files {
				fmt.Fprintf(stdout, "installed %s\n", plain.Text(f))
			}
			return nil
		},
	}
}

func newRevert(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "revert",
		Short: "End the running trial, and restore the state before",
		Long: "End the running trial (see linkd try), and wait until the state before is restored. The exit status is 0 if it is, " +
			"1 if no trial runs, 3 if no daemon runs.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := control.NewClient(o.runtimeDir)
			hide := showProgress(cmd.Context(), client)
			err := client.Revert(cmd.Context(), whoAsks())
			if hide(); err != nil {
				return daemonError(err)
			}
			fmt.Fprintln(stdout, "reverted")
			return nil
		},
	}
}
