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
		Short: "Remove everything that linkd created, and nothing else",
		Long: "Remove everything that linkd made, and restore what it changed. Stop the daemon first: the files stay, " +
			"and it would apply them again. The exit status is 0, or 1 if something could not be removed.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			named, err := namedNamespaces()
			if err != nil {
				return exit(exitFailed, err)
			}
			log := o.logger(stderr)
			release, err := o.lock(log, "If it is the daemon, stop it first: it would apply the files again")
			if err != nil {
				return err
			}
			defer release()
			nothing := &spec.Desired{Namespaces: named, Resources: &spec.Set{}}
			return o.apply(cmd.Context(), log, application{desired: nothing, cause: "teardown", search: true})
		},
	}
}

// namedNamespaces returns all namespaces in /run/netns. teardown looks at all of them, because linkd's marks can be where
// no journal has an entry.
func namedNamespaces() (map[string]spec.Namespace, error) {
	named := map[string]spec.Namespace{}
	entries, err := os.ReadDir(observe.NetnsDir)
	if errors.Is(err, os.ErrNotExist) {
		return named, nil
	}
	for _, e := range entries {
		// A symbolic link there belongs to a namespace with another selector, see the key expose.
		if e.Type().IsRegular() {
			named[e.Name()] = spec.Namespace{Name: e.Name(), Selector: spec.Selector{Scheme: "name", Value: e.Name()}}
		}
	}
	return named, err
}
