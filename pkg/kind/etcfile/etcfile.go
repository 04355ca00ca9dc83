// Package etcfile manages the files below /etc/netns that ip-netns(8) shows the programs that it starts in a namespace in the
// place of /etc/resolv.conf and /etc/hosts. A file of linkd's begins with a line that says so.
package etcfile

import (
	"path"
	"strings"

	"linkd/pkg/spec"
)

const kindName = "etc"

// Dir is the directory of ip-netns(8) with a directory for each namespace.
const Dir = "/etc/netns"

// File is one file of a namespace. It is a resource of linkd's own namespace.
type File struct {
	// Host is linkd's own namespace, and Namespace the one for whose programs the file is.
	Host, Namespace string
	// Name is resolv.conf or hosts.
	Name string
	// Text is the content without the first line of linkd's.
	Text   string
	Source spec.Source

	// resolver is what a wanted resolv.conf is made of.
	resolver dns

	// Of an observed file: marked says that it begins with the line of linkd's; stray says what stands there if it is no plain file.
	marked bool
	stray  string
}

// The files that linkd writes.
const resolvName, hostsName = "resolv.conf", "hosts"

// mark is the first line of linkd's files.
const mark = "# Written by linkd, which overwrites changes: see the keys dns and hosts of the namespace.\n"

func (f *File) ID() spec.ID {
	return spec.ID{NS: f.Host, Kind: kindName, Key: path.Join("netns", f.Namespace, f.Name)}
}

// Needs returns the name of the namespace in /run/netns, without which ip-netns(8) does not find the file.
func (f *File) Needs() []spec.ID { return []spec.ID{spec.NamespaceID(f.Namespace)} }

func (f *File) Origin() spec.Source { return f.Source }

func (f *File) Relations() spec.Relations { return spec.Relations{} }

// relative returns the path of the file in Dir.
func (f *File) relative() string { return path.Join(f.Namespace, f.Name) }

// fromKey returns the file with the key of an ID; ok is false if the key could lead out of Dir.
func fromKey(key string) (f *File, ok bool) {
	rest, is := strings.CutPrefix(key, "netns/")
	namespace, name, has := strings.Cut(rest, "/")
	f = &File{Namespace: namespace, Name: name}
	return f, is && has && spec.CheckNSName(namespace) == nil && (name == resolvName || name == hostsName)
}
