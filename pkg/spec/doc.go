// Package spec reads the YAML files and makes the desired state of them: namespaces and resources, each with the place
// where it was written.
//
// It knows how the language is built, and no resource by name: a kind of resource declares its keys (see Key), and decodes
// what stands below them. A Language is the list of all keys.
//
//	files, err := spec.ReadTrusted([]string{"/etc/linkd.d"})
//	desired, errs := spec.Compile(kind.Language(), files)
//
// Errors are collected, each with FILE:LINE:COLUMN, so that one run shows them all. A file is read only if nobody but root
// can change it, and up to a limit in size, depth and number of values. A Keeper keeps the last good content of a file that
// is not valid.
package spec
