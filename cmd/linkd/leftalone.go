package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// pruneUsage describes --prune of apply and diff.
const pruneUsage = "also remove resources of files outside of --config"

// within returns what limits the removals of a command: the files of --config, or with prune no limit.
func (o *options) within(prune bool) spec.Within {
	// Without a working directory, a relative path names nothing that could be read.
	dir, _ := os.Getwd()
	w := spec.Within{Dir: dir}
	if !prune {
		w.Paths = o.config
		if o.inFleet() {
			w.Paths = append(slices.Clone(o.config), o.fleetCache().Dir())
		}
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

// leftLines returns the resources that other files made, and how to remove them.
func leftLines(left []reconcile.LeftResource) (lines []string) {
	if len(left) == 0 {
		return nil
	}
	lines = []string{fmt.Sprintf("left alone, because other files made them: %s; --prune removes them", plain.Count(len(left), "resource"))}
	for _, r := range left {
		by := "no file is known"
		if len(r.Files) > 0 {
			by = plain.Text(strings.Join(r.Files, ", "))
		}
		lines = append(lines, fmt.Sprintf("  %s  %s", r.ID, by))
	}
	return lines
}
