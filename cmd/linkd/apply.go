package main

import (
	"time"

	"github.com/spf13/cobra"

	"linkd/pkg/spec"
)

func newApply(o *options) *cobra.Command {
	var wait time.Duration
	var prune bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Apply the files once, without a daemon",
		Long: "Read the files and change the system to match them, once and without a daemon. The exit status is 0 " +
			"if every resource is ok or pending (its container is not running yet, for example); 1 if a resource " +
			"failed, or is still pending after --wait; 2 if a file is invalid, and then apply changes nothing. " +
			"Resources of files outside of --config stay, and apply lists them; --prune removes them.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := o.logger(stderr)
			release, err := o.lock(log, "If it is the daemon, it applies the files itself: run `linkd reload` and `linkd status`")
			if err != nil {
				return err
			}
			defer release()
			o.completeInstallation(log)
			files, err := readInterruptibly(cmd.Context(), func() ([]spec.File, error) { return o.read(spec.ReadTrusted) })
			if err != nil {
				return exit(exitInvalid, err)
			}
			desired, err := o.compileWithin(files, prune)
			if err != nil {
				return err
			}
			recompile := func() (*spec.Desired, error) { return o.compileWithin(files, prune) }
			return o.apply(cmd.Context(), log, application{desired: desired, files: files, cause: "apply", recompile: recompile, wait: wait})
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait up to this long for pending resources, such as 30s")
	cmd.Flags().BoolVar(&prune, "prune", false, pruneUsage)
	return cmd
}
