package spec

import (
	"path/filepath"
	"slices"
)

// Within says which files a desired state is made from. The zero value stands for all files.
type Within struct {
	// Dir is the absolute path of the directory that relative paths refer to.
	Dir string
	// Paths are the paths of files and directories; nil stands for all files.
	Paths []string
}

// All reports whether w stands for all files.
func (w Within) All() bool { return w.Paths == nil }

// Absolute returns the absolute path of a file.
func (w Within) Absolute(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(w.Dir, file)
}

// Contains reports whether a file is one of the paths, or stands in a directory that is.
func (w Within) Contains(file string) bool {
	file = filepath.Clean(w.Absolute(file))
	return slices.ContainsFunc(w.Paths, func(path string) bool {
		path = filepath.Clean(w.Absolute(path))
		return file == path || filepath.Dir(file) == path
	})
}
