package main

import (
	"os"

	"github.com/spf13/cobra"

	"linkd/pkg/kind"
	"linkd/pkg/reference"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the files, for editors",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return reference.Write(os.Stdout, kind.Language()) },
	}
}
