package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

// The linker sets these: the name of this version, its commit, and the date of that commit (RFC 3339, UTC). The last two are
// empty if linkd was built outside a checkout.
var (
	version = "development"
	commit  string
	date    string
)

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			if o.json() {
				return json.NewEncoder(os.Stdout).Encode(map[string]string{
					"version": version, "commit": commit, "date": date, "go": runtime.Version(),
				})
			}
			details := []string{runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if commit != "" {
				details = append([]string{"commit " + commit, date}, details...)
			}
			_, err := fmt.Printf("linkd %s (%s)\n", version, strings.Join(details, ", "))
			return err
		},
	}
}
