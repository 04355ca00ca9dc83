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

// Observe has nothing to search for: only the names of interest are looked at.
func (k kind) Observe(_ context.Context, ns *observe.NS, query reconcile.Query[*Name]) ([]*Name, error) {
	switch query.Purpose {
	case reconcile.ToShow:
		return k.survey(ns)
	case reconcile.ToSearch:
		return nil, nil
	}
	return k.observeWanted(ns, query.Wanted)
}

// FromID is the name that an ID stands for. An ID that a damaged journal tells of must not lead out of the directory.
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

// Owned: a name carries no mark; the journal knows which ones linkd made.
func (kind) Owned(*Name) bool { return false }

// Fingerprint is what stands under the name: a namespace that somebody else made under the same name is another one.
// The empty file is what a kill leaves between it and the mount, on the way up or down.
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

// Complete finds the target: a name shows a namespace where it was found.
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
		// An engine tells later than the kernel where a namespace is, and a path ends with a process.
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
