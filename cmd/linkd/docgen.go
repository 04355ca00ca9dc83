//go:build docgen

package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"linkd/internal/docgen/pages"
	"linkd/pkg/kind"
)

// main writes the manual pages and completions of the commands below the directory that is its argument. internal/docgen
// builds it with the tag docgen, because only this package has the commands, and a main package cannot be imported.
func main() {
	day := time.Now()
	if epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		day = time.Unix(epoch, 0).UTC()
	}
	if err := pages.Write(newRoot(&options{}), kind.Language(), day, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
