package main

import (
	"time"

	"github.com/spf13/cobra"

	"linkd/pkg/spec"
)

func newApply(o *options) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Converge once, without a daemon",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := spec.ReadTrusted(o.config)
			if err != nil {
				return exit(exitInvalid, err)
			}
			desired, err := o.compileValid(files)
			if err != nil {
				return err
			}
			again := func() (*spec.Desired, error) { return o.compileValid(files) }
			return o.once(cmd.Context(), desired, again, wait, false, "a running daemon applies the files by itself, see `linkd reload` and `linkd status`")
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for what is pending; 0 does not wait")
	return cmd
}
