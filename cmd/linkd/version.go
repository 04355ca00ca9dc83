package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
)

// These are set by the linker: the name of this version, and the commit that it is made of and its date (RFC 3339, UTC),
// which are empty where it was built outside of a checkout.
var (
	version = "development"
	commit  string
	date    string
)

func newVersion(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  takesNone,
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
