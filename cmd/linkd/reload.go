package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/reconcile"
)

func newReload(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon read the files again, and wait until it has converged",
		Long: "Have the daemon read the files again, and wait until it has acted upon them. The exit status is 0 " +
			"where everything is as wanted, or pending; 1 where something failed; 2 where a file is not valid, " +
			"and then its last good content stays in force; 3 where no daemon answers.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reloaded, err := control.NewClient(o.runtimeDir).Reload(cmd.Context())
			if err != nil {
				return daemonError(err)
			}
			if o.json() {
				if err := json.NewEncoder(os.Stdout).Encode(reloaded); err != nil {
					return exit(exitFailed, err)
				}
			} else {
				o.printTrouble(stderr, reloaded.Status)
			}
			switch {
			case len(reloaded.Errors) > 0:
				return exit(exitInvalid, errors.New(strings.Join(reloaded.Errors, "\n")))
			case reloaded.Status.State == reconcile.Degraded:
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
}
