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
		Long: "Read the files and change what differs from them, once and without a daemon. The exit status is 0 " +
			"where everything is as wanted, or pending (what is not there yet, a container that has not been " +
			"started, say); 1 where something failed, or is still pending after --wait; 2 where a file is not " +
			"valid, and then nothing was done.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, err := reading(cmd.Context(), func() ([]spec.File, error) { return spec.ReadTrusted(o.config) })
			if err != nil {
				return exit(exitInvalid, err)
			}
			desired, err := o.compileValid(files)
			if err != nil {
				return err
			}
			again := func() (*spec.Desired, error) { return o.compileValid(files) }
			return o.applyDesired(cmd.Context(), desired, again, wait, false, "a running daemon applies the files by itself, see `linkd reload` and `linkd status`")
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait this long for what is pending, such as 30s")
	return cmd
}
