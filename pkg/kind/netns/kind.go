package netns

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

type kind struct{}

// Observe looks only at the wanted names; a name carries no mark to search for.
func (k kind) Observe(_ context.Context, ns *observe.NS, query reconcile.Query[*Name]) ([]*Name, error) {
	switch query.Purpose {
	case reconcile.ToShow:
		return k.survey(ns)
	case reconcile.ToSearch:
		return nil, nil
	}
	return k.observeWanted(ns, query.Wanted)
}

// FromID returns the name with an ID. An ID from a damaged journal must not lead out of the directory.
func (kind) FromID(id spec.ID) (*Name, bool) {
	return &Name{Host: id.NS, Name: id.Key}, spec.CheckNSName(id.Key) == nil
}

func (kind) observeWanted(ns *observe.NS, wanted []*Name) (found []*Name, err error) {
	for _, w := range wanted {
		n := &Name{Host: ns.Name, Name: w.Name}
		info, err := os.Lstat(n.path())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case info.Mode()&fs.ModeSymlink != 0:
			if n.Target, err = os.Readlink(n.path()); err != nil {
				return nil, err
			}
			n.leads = fileAt(n.path())
		default:
			if open, err := ns.Other(w.Name); err == nil && open.Path == n.path() {
				n.Made, n.identity = true, open.Identity
			} else {
				n.stray = describeFile(n.path(), info)
				if n.stray == otherNamespace {
					// Linkd's own, maybe, under a name that the files now give to another.
					err := ns.World().Visit(n.path(), func(there *observe.NS) error {
						n.identity = there.Identity
						return nil
					})
					if err != nil {
						return nil, err
					}
				}
			}
		}
		found = append(found, n)
	}
	return found, nil
}

func (n *Name) mounted() bool { return n.Made || n.stray == otherNamespace }

// What can stand under a name that is neither a namespace found there nor a symbolic link.
const (
	otherNamespace = "another namespace"
	emptyFile      = "an empty file"
	plainFile      = "a plain file"
)

func describeFile(path string, info fs.FileInfo) string {
	var st unix.Statfs_t
	switch {
	case unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC:
		return otherNamespace
	case info.Mode().IsRegular() && info.Size() == 0:
		return emptyFile
	}
	return plainFile
}

// Owned returns false: a name carries no mark, and the journal knows which names linkd made.
func (kind) Owned(*Name) bool { return false }

// Fingerprint identifies the entry: a namespace that somebody else made under the same name has another one. A killed
// linkd may leave an empty file before the mount or after the unmount.
func (kind) Fingerprint(have *Name) string {
	switch {
	case have.mounted():
		return string(have.identity)
	case have.stray == emptyFile:
		return ""
	case have.stray != "":
		return have.stray
	}
	return have.Target
}

// Complete fills in the target: the place where the namespace was found.
func (kind) Complete(at reconcile.Located, want *Name) (*Name, error) {
	if want.Made {
		return want, nil
	}
	there, err := at(want.Name)
	if err != nil {
		return want, err
	}
	complete := *want
	complete.Target, complete.leads = there.Path, file{there.Inode.Dev, there.Inode.Ino}
	return &complete, nil
}

func (kind) Diff(want, have *Name) []reconcile.Field {
	var fs reconcile.Fields
	if w, h := want.describe(), have.describe(); w != h {
		fs.Differ("file", h, w)
		// An engine reports the place of a namespace later than the kernel, and a path ends with a process.
		fs[0].Moved = want.Target != "" && have.Target != "" && (have.leads == want.leads || have.leads == file{})
	}
	return fs
}

func (n *Name) describe() string {
	switch {
	case n.stray != "":
		return n.stray
	case n.Made:
		return "a namespace"
	}
	return "-> " + n.Target
}
