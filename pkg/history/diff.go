package history

import (
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"linkd/pkg/spec"
)

// Diff returns the differences of the files of two states as a unified diff, in which the states have these names.
func Diff(oldName, newName string, before, after []spec.File) (text []byte) {
	texts := func(files []spec.File) map[string][]byte {
		at := map[string][]byte{}
		for _, f := range files {
			at[f.Path] = f.Text
		}
		return at
	}
	old, now := texts(before), texts(after)
	var paths []string
	for _, f := range slices.Concat(before, after) {
		paths = append(paths, f.Path)
	}
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		text = append(text, diff.Diff(oldName+":"+path, old[path], newName+":"+path, now[path])...)
	}
	return text
}
