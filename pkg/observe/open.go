package observe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// Open opens a namespace in the shared session.
func (w *World) Open(name string) (*NS, error) { return w.shared.Open(name) }

// Visit opens the namespace at a path for f, whether or not the files name it.
func (w *World) Visit(path string, f func(ns *NS) error) error {
	fd, err := openNamespace(path)
	if err != nil {
		return err
	}
	return w.visitOpen(fd, path, f)
}

// visitOpen passes an open namespace to f, and closes it.
func (w *World) visitOpen(fd int, path string, f func(ns *NS) error) error {
	sock, id, err := openSocket(fd)
	ns := &NS{Name: path, Path: path, Identity: id, id: -1, world: w, session: w.shared, fd: fd, route: sock}
	defer ns.close()
	if err != nil {
		return err
	}
	return f(ns)
}

func (w *World) find(declared spec.Namespace) (*NS, error) {
	name, selector := declared.Name, declared.Selector
	path, check, err := w.where(declared)
	if err != nil {
		return nil, err
	}
	open := openNamespace
	if _, isFile := pathOf(selector); isFile {
		open = openNamespaceFile
	}
	fd, err := open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, Pendingf("there is no namespace at %s", path)
	}
	if err != nil {
		// A daemon can wait for the mount; a command must report what it finds.
		if w.listening.Load() && isBeingMade(path) {
			return nil, Pendingf("%s is being made", path)
		}
		return nil, err
	}
	sock, id, err := openSocket(fd)
	if err == nil {
		err = check(fd)
	}
	ns := &NS{Name: name, Path: path, Identity: id, world: w, fd: fd, route: sock, id: NoID}
	if err == nil && id == w.host.Identity {
		err = fmt.Errorf("%s is the namespace that linkd itself runs in: only the name %q may stand for it", selector, spec.Host)
	}
	if err == nil {
		err = w.checkPin(ns)
	}
	if err == nil && w.listening.Load() {
		// Events arrive only from namespaces with an ID.
		_, err = ns.ID()
	}
	if err != nil {
		ns.close()
		return nil, err
	}
	return ns, nil
}

func (w *World) checkPin(ns *NS) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	pin, pinned := w.pinned[ns.Name]
	switch {
	case !pinned || pin == ns.Identity:
		return nil
	case w.declared[ns.Name].Left:
		return Pendingf("the process that linkd configured as %s has ended", ns.Name)
	}
	return fmt.Errorf("%s is now another process than the one that linkd configured as %s: remove %[2]s from the files, reload, and declare it again",
		w.declared[ns.Name].Selector, ns.Name)
}

// stillFinds reports whether an open namespace would be found under its name now. It is false if that needs more than
// a look at one file.
func (w *World) stillFinds(ns *NS) bool {
	if ns.Name == spec.Host {
		return true
	}
	if _, heard := w.knownID(ns); w.listening.Load() && !heard {
		return false
	}
	declared, is := w.Declared(ns.Name)
	path, isFile := pathOf(declared.Selector)
	if !is || !isFile || filepath.Dir(path) != NetnsDir || path != ns.Path {
		return false
	}
	var now unix.Stat_t
	inode, err := ns.Inode()
	return err == nil && unix.Lstat(path, &now) == nil && inode == Inode{now.Dev, now.Ino} && w.checkPin(ns) == nil
}
