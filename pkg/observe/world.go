package observe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// NetnsDir is where ip-netns(8) and linkd keep named namespaces.
const NetnsDir = "/run/netns"

// ErrPending marks what is not there yet and may come by itself: a namespace, a process, a device.
var ErrPending = errors.New("not there yet")

// pendingError is ErrPending with words of its own.
type pendingError string

func (e pendingError) Error() string        { return string(e) }
func (e pendingError) Is(target error) bool { return target == ErrPending }

// Pendingf makes an error that is ErrPending.
func Pendingf(format string, args ...any) error { return pendingError(fmt.Sprintf(format, args...)) }

// World is the namespaces that the files name, with linkd's own as spec.Host. It survives passes; what it opens does
// not (see Release).
type World struct {
	host      *NS
	processes *processes
	finders   []Finder
	mounts    *os.File // the mount namespace to mount in, nil for linkd's own

	mu       sync.Mutex
	declared map[string]spec.Namespace
	opened   map[string]*NS
	failed   map[string]error
	known    map[string]Identity // what each name was when it was last opened
	ids      map[string]int      // and the ids of those
	pinned   map[string]Identity // what a name has to be, or nothing
	byID     map[int]string
	inodes   map[int]uint64 // of the namespaces by their ids, as /proc shows them

	listening atomic.Bool
	lookOnly  bool
	strangers atomic.Int64 // namespaces that were given a number because they had no id
}

// NewWorld opens linkd's own namespace. The finders are those of more than paths and processes.
func NewWorld(finders ...Finder) (*World, error) {
	fd, err := openNamespace("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	sock, id, err := openSocket(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	running := newProcesses()
	w := &World{
		processes: running,
		finders:   append([]Finder{paths{}, running}, finders...),
		opened:    map[string]*NS{},
		failed:    map[string]error{},
		known:     map[string]Identity{},
		ids:       map[string]int{},
		byID:      map[int]string{},
		inodes:    map[int]uint64{},
	}
	w.host = &NS{Name: spec.Host, Path: "/proc/self/ns/net", Identity: id, id: hostID, world: w, fd: fd, route: sock}
	var at unix.Stat_t
	if err := unix.Fstat(fd, &at); err != nil {
		w.host.close()
		return nil, err
	}
	w.inodes[hostID] = at.Ino
	return w, nil
}

// Close gives everything back.
func (w *World) Close() {
	w.Release()
	for _, f := range w.finders {
		f.Close()
	}
	w.host.close()
	if w.mounts != nil {
		w.mounts.Close()
	}
}

// Host is linkd's own namespace.
func (w *World) Host() *NS { return w.host }

// Declare sets the namespaces that can be opened.
func (w *World) Declare(namespaces map[string]spec.Namespace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.known {
		if namespaces[name] != w.declared[name] {
			w.forget(name)
		}
	}
	w.declared = maps.Clone(namespaces)
	for _, f := range w.finders {
		f.Keep(namespaces)
	}
}

func (w *World) forget(name string) {
	delete(w.known, name)
	if id, known := w.ids[name]; known && w.byID[id] == name {
		delete(w.byID, id)
		delete(w.inodes, id)
	}
	delete(w.ids, name)
}

// Pin sets what namespaces some names have to lead to: one that leads to another is refused.
func (w *World) Pin(pinned map[string]Identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pinned = pinned
}

// Named is the name under which the files know what a selector finds.
func (w *World) Named(selector spec.Selector) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, ns := range w.declared {
		if ns.Selector == selector {
			return name
		}
	}
	return selector.String()
}

// Declared tells whether the files name the namespace.
func (w *World) Declared(name string) (spec.Namespace, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns, ok := w.declared[name]
	return ns, ok
}

// OpenAll opens the namespaces, several at a time, and returns why those that could not be opened were not. Two names
// that turn out to be one namespace are both refused: each would undo what the other asks for. After each, progress is
// called.
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
			// A name that no file gives is in nobody's way.
			left, otherLeft := w.declared[name].Left, w.declared[other].Left
			if left || !otherLeft {
				w.refuse(name, err)
			}
			if otherLeft || !left {
				w.refuse(other, err)
			}
			if left && !otherLeft {
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
	ns, err = w.find(name, declared.Selector)

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

func (w *World) find(name string, selector spec.Selector) (*NS, error) {
	path, check, err := w.where(name, selector)
	if err != nil {
		return nil, err
	}
	fd, err := openNamespace(path)
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
		err = check()
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

// hostID is the id of linkd's own namespace.
const hostID = -1

func (w *World) learnID(name string, id, fd int) {
	var at unix.Stat_t
	_ = unix.Fstat(fd, &at)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, declared := w.declared[name]; declared {
		w.ids[name] = id
		w.byID[id] = name
		w.inodes[id] = at.Ino
	}
}

// isAt tells whether the namespace with that id is the one with the inode number that /proc shows.
func (w *World) isAt(id int, inode uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inodes[id] == inode
}

// Known is the identity under which a namespace was last opened; ok is false where it is not known to be there.
func (w *World) Known(name string) (id Identity, ok bool) {
	if name == spec.Host {
		return w.host.Identity, true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id, ok = w.known[name]
	return id, ok
}

// NameOf is the name of the namespace that linkd's own namespace knows under an id; "" where the files do not name it.
func (w *World) NameOf(id int) string {
	if id == hostID {
		return spec.Host
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byID[id]
}

// Release closes every namespace but linkd's own, so that none is kept alive by linkd alone.
func (w *World) Release() {
	for _, f := range w.finders {
		f.Release()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ns := range w.opened {
		ns.close()
	}
	clear(w.opened)
	clear(w.failed)
	w.host.Forget()
}
