// Package spec reads the YAML files and makes the desired state of them: namespaces and resources, each with its position in
// a file.
//
//	files ──> ReadTrusted ──> Compile ──> Desired: namespaces, Set of resources
//	                             ▲
//	                  Language: the keys of all kinds
//
// The package knows no kind of resource by name: a kind declares its keys (see Key) and decodes their values. A Language is
// the list of all keys. To compile a directory:
//
//	files, err := spec.ReadTrusted([]string{"/etc/linkd.d"})
//	desired, errs := spec.Compile(kind.Language(), files)
//
// Compile reports all errors at once, each with FILE:LINE:COLUMN. linkd reads a file only if nobody but root can change it,
// and up to a limit of size, depth and number of values. A Loader keeps the last valid content of a file that has become
// invalid.
package spec
