package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"linkd/pkg/control"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

func newReload(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Make the daemon apply the files now, and print what it changed",
		Long: "Make the daemon read the files again, wait until it has applied them, and print what it did. The exit status is 0 " +
			"if every resource is ok or pending; 1 if a resource failed; 2 if a file is invalid, and then its last " +
			"valid content stays in force; 3 if no daemon is running.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := control.NewClient(o.runtimeDir)
			hide := showProgress(cmd.Context(), client)
			reloaded, err := client.Reload(cmd.Context())
			hide()
			if err != nil {
				return daemonError(err)
			}
			switch err := o.printReloaded(reloaded); {
			case err != nil:
				return exit(exitFailed, err)
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

// printReloaded writes what the daemon did, and on stderr the problems that are left; or all of it as JSON. The errors of the
// files are not among the problems, because the command prints them last.
func (o *options) printReloaded(r *control.Reloaded) error {
	result := report.Count(r.Changes, r.More)
	if o.json() {
		r.Excerpts = nil
		return json.NewEncoder(os.Stdout).Encode(struct {
			*control.Reloaded
			Result report.Result `json:"result"`
		}{r, result})
	}
	if err := printChanges(r.Changes, result.Done(r.Status)); err != nil {
		return err
	}
	printTrial(stdout, r.Status.Trial)
	status := *r.Status
	if len(r.Errors) > 0 {
		status.Files = nil
	}
	return printProblems(os.Stderr, &status)
}
