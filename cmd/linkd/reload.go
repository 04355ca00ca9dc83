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
		Short: "Make the daemon read the files again, and wait until it has applied them",
		Long: "Make the daemon read the files again, and wait until it has applied them. The exit status is 0 " +
			"if every resource is ok or pending; 1 if a resource failed; 2 if a file is invalid, and then its last " +
			"valid content stays in force; 3 if no daemon is running.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reloaded, err := control.NewClient(o.runtimeDir).Reload(cmd.Context())
			if err != nil {
				return daemonError(err)
			}
			if o.json() {
				reloaded.Excerpts = nil
				if err := json.NewEncoder(os.Stdout).Encode(reloaded); err != nil {
					return exit(exitFailed, err)
				}
			} else {
				if reloaded.Status.Trial != nil {
					printOps(reloaded.Ops)
					printTrial(stdout, reloaded.Status.Trial)
				}
				o.printNotOK(stderr, reloaded.Status)
			}
			switch {
			case len(reloaded.Errors) > 0:
				return exit(exitInvalid, errors.New(withExcerpts(reloaded)))
			case reloaded.Status.State == reconcile.Degraded:
				return exit(exitFailed, nil)
			}
			return nil
		},
	}
}

// withExcerpts returns the errors of a reload as validate prints them.
func withExcerpts(reloaded *control.Reloaded) string {
	var lines []string
	for i, message := range reloaded.Errors {
		lines = append(lines, message)
		if i < len(reloaded.Excerpts) && reloaded.Excerpts[i] != "" {
			lines = append(lines, reloaded.Excerpts[i])
		}
	}
	return strings.Join(lines, "\n")
}
