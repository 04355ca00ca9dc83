package netns

import (
	"errors"
	"io/fs"
	"os"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// survey returns the names of the namespace.
func (kind) survey(ns *observe.NS) ([]*Name, error) {
	if ns.IsPartial() || ns.Name == spec.Host {
		return nil, nil
	}
	n := &Name{Host: ns.World().Host().Name, Name: ns.Name}
	info, err := os.Lstat(n.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		n.Target, err = os.Readlink(n.path())
		n.exposes = n.Target == ns.Path
		return []*Name{n}, err
	}
	if n.Made = ns.Path == n.path(); !n.Made {
		return nil, nil
	}
	inhabited, err := ns.World().ProcessNamespaces()
	if err != nil {
		return nil, err
	}
	inode, err := ns.Inode()
	_, n.inhabited = inhabited[inode]
	return []*Name{n}, err
}

// Show writes what was found as the files would say it. The namespace of a process is not to be made without the process,
// where the name was given to it later (ip-netns(8), attach); nothing tells that from a process that was started in it.
func (kind) Show(doc *spec.Document, found []*Name, kept reconcile.JournalLookup) {
	for _, n := range found {
		_, ours := kept(n.ID())
		switch {
		case n.exposes:
			doc.Namespace(n.Name).Set(exposeKey, true)
		case n.Made && (ours || !n.inhabited):
			doc.Namespace(n.Name).Set(createKey, true)
		}
	}
}
