package observe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// OpenAll opens the namespaces, several at a time, and returns why those that could not be opened were not. Two names
// that turn out to be one namespace are both refused, unless one yields to the other: each would undo what the other asks
// for. After each, progress is called.
func (w *World) OpenAll(names []string, progress func()) map[string]error {
	Each(names, func(name string) {
		_, _ = w.Open(name)
		progress()
	})
	names = append(slices.Clone(names), w.openNamesakes()...)

	w.mu.Lock()
	defer w.mu.Unlock()
	holder := map[Identity]string{}
	for _, name := range slices.Sorted(maps.Keys(w.opened)) {
		id := w.opened[name].Identity
		other, taken := holder[id]
		if taken {
			err := fmt.Errorf("%s and %s are the same namespace: declare it once", other, name)
			// Of two that yield alike, neither has it.
			mine, theirs := w.yields(name), w.yields(other)
			if mine >= theirs {
				w.refuse(name, err)
			}
			if theirs >= mine {
				w.refuse(other, err)
			}
			if mine > theirs {
				continue
			}
		}
		holder[id] = name
	}
	errs := map[string]error{}
	for _, name := range names {
		if err := w.failed[name]; err != nil {
			errs[name] = err
		}
	}
	return errs
}

// yields tells how far a name makes way for another one of the same namespace. A process can enter a namespace that another
// name stands for, so a selector that finds a process yields to one that does not. A name that no file gives is in nobody's
// way.
func (w *World) yields(name string) int {
	switch declared := w.declared[name]; {
	case declared.Left:
		return 2
	case declared.Selector.ByPID():
		return 1
	}
	return 0
}

// openNamesakes opens what was one and the same with something open when it was last seen: a name may come to be that
// of a namespace which was opened long before, and need not be looked at again.
func (w *World) openNamesakes() (names []string) {
	w.mu.Lock()
	open := map[Identity]bool{}
	for _, ns := range w.opened {
		open[ns.Identity] = true
	}
	for name, id := range w.known {
		if w.opened[name] == nil && open[id] {
			names = append(names, name)
		}
	}
	w.mu.Unlock()
	for _, name := range names {
		_, _ = w.Open(name)
	}
	return names
}

func (w *World) refuse(name string, err error) {
	if ns := w.opened[name]; ns != nil {
		ns.close()
		delete(w.opened, name)
	}
	w.failed[name] = err
}

// Open finds and opens a namespace by its name in the files. Until Release the answer stays the same, an error too.
func (w *World) Open(name string) (*NS, error) {
	if name == spec.Host {
		return w.host, nil
	}
	w.mu.Lock()
	ns, err, declared := w.opened[name], w.failed[name], w.declared[name]
	w.mu.Unlock()
	if ns != nil || err != nil {
		return ns, err
	}
	declared.Name = name
	ns, err = w.find(declared)

	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failed[name] = err
		w.forget(name)
		return nil, err
	}
	if other := w.opened[name]; other != nil {
		ns.close()
		return other, nil
	}
	w.opened[name] = ns
	w.known[name] = ns.Identity
	return ns, nil
}

// Visit opens the namespace at a path for f, whatever its name is and whether the files name it.
func (w *World) Visit(path string, f func(ns *NS) error) error {
	fd, err := openNamespace(path)
	if err != nil {
		return err
	}
	sock, id, err := openSocket(fd)
	ns := &NS{Name: path, Path: path, Identity: id, id: -1, world: w, fd: fd, route: sock}
	defer ns.close()
	if err != nil {
		return err
	}
	return f(ns)
}

// Moved closes the opened namespaces that are not any more where they were found, and returns their names: what is held
// open lives on and takes all that is asked of it, and nobody will ever see it.
func (w *World) Moved() (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, ns := range w.opened {
		var at, held unix.Stat_t
		if unix.Stat(ns.Path, &at) == nil && unix.Fstat(ns.fd, &held) == nil && at.Ino == held.Ino && at.Dev == held.Dev {
			continue
		}
		ns.close()
		delete(w.opened, name)
		names = append(names, name)
	}
	return names
}

// Retry forgets whether a namespace could be opened, and the one that was: it has just been made, anew maybe.
func (w *World) Retry(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.failed, name)
	if ns := w.opened[name]; ns != nil {
		ns.close()
		delete(w.opened, name)
	}
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
		// Who stays can wait and see; who looks once has to say what there is.
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
		// Only what has an id is heard.
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
		return Pendingf("the process in which linkd wired %s has ended", ns.Name)
	}
	return fmt.Errorf("%s is not the process any more in which linkd wired %s: take %[2]s out of the files, reload, and declare it anew",
		w.declared[ns.Name].Selector, ns.Name)
}
