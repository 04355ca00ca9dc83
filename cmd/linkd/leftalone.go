package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// pruneUsage describes --prune of apply and diff.
const pruneUsage = "also remove what files outside of --config made"

// within returns what limits the removals of a command: the files of --config, or with prune no limit.
func (o *options) within(prune bool) spec.Within {
	// Without a working directory, a relative path names nothing that could be read.
	dir, _ := os.Getwd()
	w := spec.Within{Dir: dir}
	if !prune {
		w.Paths = o.config
	}
	return w
}

// leftAlone returns the resources that other files made, in ID order.
func leftAlone(engine *reconcile.Engine) (left []reconcile.LeftResource) {
	all := engine.LeftAlone()
	for _, id := range slices.SortedFunc(maps.Keys(all), spec.ID.Compare) {
		left = append(left, reconcile.LeftResource{ID: plain.Text(id.String()), Files: all[id]})
	}
	return left
}

// printLeft writes the resources that other files made, and how to remove them.
func printLeft(w io.Writer, left []reconcile.LeftResource) {
	if len(left) == 0 {
		return
	}
	fmt.Fprintf(w, "left alone, because other files made them: %d resources; --prune removes them\n", len(left))
	for _, r := range left {
		by := "no file is known"
		if len(r.Files) > 0 {
			by = plain.Text(strings.Join(r.Files, ", "))
		}
		fmt.Fprintf(w, "  %s  %s\n", r.ID, by)
	}
}
