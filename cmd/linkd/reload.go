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
		Args:  cobra.NoArgs,
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
