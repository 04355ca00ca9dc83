package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func newTeardown(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "teardown",
		Short: "Remove all that linkd made, and only that",
		Long: "Remove all that linkd made, and put back what it changed. The files stay, so stop the daemon first. " +
			"The exit status is 0, or 1 where something could not be removed.",
		Args: takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			named, err := namedNamespaces()
			if err != nil {
				return exit(exitFailed, err)
			}
			return o.applyDesired(cmd.Context(), &spec.Desired{Namespaces: named, Resources: &spec.Set{}}, nil, 0, true, "stop the daemon first, it would put back what this removes")
		},
	}
}

// namedNamespaces returns all namespaces in /run/netns: one may have linkd's mark without an entry in any journal.
func namedNamespaces() (map[string]spec.Namespace, error) {
	named := map[string]spec.Namespace{}
	entries, err := os.ReadDir(observe.NetnsDir)
	if errors.Is(err, os.ErrNotExist) {
		return named, nil
	}
	for _, e := range entries {
		// A symbolic link shows a namespace that has another selector.
		if e.Type().IsRegular() {
			named[e.Name()] = spec.Namespace{Name: e.Name(), Selector: spec.Selector{Scheme: "name", Value: e.Name()}}
		}
	}
	return named, err
}
