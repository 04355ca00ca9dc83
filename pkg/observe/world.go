package observe

import (
	"maps"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// NetnsDir is where ip-netns(8) and linkd keep named namespaces.
const NetnsDir = "/run/netns"

// World is the set of namespaces that the files name, with linkd's own as spec.Host. It exists as long as linkd runs, but
// the namespaces that it opens are closed after each pass (see Release).
type World struct {
	host      *NS
	processes *processes
	finders   []Finder
	mounts    *os.File // the mount namespace to mount in, nil for linkd's own

	// Instance identifies this linkd among several on one machine: its runtime directory. Set it before first use.
	Instance string
	// shared is the session for code that works alone: the commands that look once.
	shared *Session

	mu       sync.Mutex
	declared map[string]spec.Namespace
	known    map[string]Identity   // the namespace that each name led to when it was last opened
	found    map[string]string     // and its path
	version  int                   // counts the changes of found, from 1
	ids      map[string]assignedID // and its ID
	// identified are the names for which IdentifyDeclared has looked.
	identified map[string]bool
	pinned     map[string]Identity // the only namespaces that names may lead to
	byID       map[int]string
	inodes     map[int]uint64 // by namespace ID, as /proc shows them

	destinations atomic.Pointer[Destinations]
	existing     atomic.Pointer[Existing]
	echoes       echoes
	surveys      surveys
	settings     atomic.Pointer[settings]

	listening atomic.Bool
	lookOnly  bool
	withoutID atomic.Int64 // the number of namespaces without an ID (see askOnly)
}

// NewWorld opens linkd's own namespace. The finders are used in addition to those for paths and processes.
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
		known:     map[string]Identity{},
		found:     map[string]string{},
		version:   1,
		ids:       map[string]assignedID{},
		byID:      map[int]string{},
		inodes:    map[int]uint64{},

		identified: map[string]bool{},
	}
	w.shared = w.NewSession()
	w.host = &NS{Name: spec.Host, Path: "/proc/self/ns/net", Identity: id, id: OwnID, world: w, session: w.shared, fd: fd, route: sock}
	var at unix.Stat_t
	if err := unix.Fstat(fd, &at); err != nil {
		w.host.close()
		return nil, err
	}
	w.inodes[OwnID] = at.Ino
	return w, nil
}

// Close releases all resources.
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

// Host returns linkd's own namespace.
func (w *World) Host() *NS { return w.host }

// Declare sets the namespaces that can be opened, by name.
func (w *World) Declare(namespaces map[string]spec.Namespace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.known {
		if namespaces[name] != w.declared[name] {
			w.forget(name)
		}
	}
	w.declared, w.identified = maps.Clone(namespaces), map[string]bool{}
	for _, f := range w.finders {
		f.SetDeclared(namespaces)
	}
}

// DeclareAlso declares one more namespace, unless there is one of that name. It can be opened until the next Declare.
func (w *World) DeclareAlso(ns spec.Namespace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, declared := w.declared[ns.Name]; declared || ns.Name == spec.Host {
		return
	}
	all := maps.Clone(w.declared)
	if all == nil {
		all = map[string]spec.Namespace{}
	}
	all[ns.Name] = ns
	w.declared = all
	for _, f := range w.finders {
		f.SetDeclared(all)
	}
}

func (w *World) forget(name string) {
	delete(w.known, name)
	if _, found := w.found[name]; found {
		w.version++
		delete(w.found, name)
	}
	if at, known := w.ids[name]; known && w.byID[at.id] == name {
		delete(w.byID, at.id)
		delete(w.inodes, at.id)
	}
	delete(w.ids, name)
}

// Pin sets the only namespaces that some names may lead to. Open refuses any other.
func (w *World) Pin(pinned map[string]Identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pinned = pinned
}

// NameOfSelector returns the name that the files give to a selector, or the selector itself. The selector may have been
// parsed from its printed form.
func (w *World) NameOfSelector(selector spec.Selector) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, ns := range w.declared {
		if ns.Selector.String() == selector.String() {
			return name
		}
	}
	return selector.String()
}

// Declared returns the declaration of a namespace, and whether the files name it.
func (w *World) Declared(name string) (spec.Namespace, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns, ok := w.declared[name]
	return ns, ok
}

// Known returns the identity of the namespace that a name led to when it was last opened; ok is false if it is not known
// to exist.
func (w *World) Known(name string) (id Identity, ok bool) {
	if name == spec.Host {
		return w.host.Identity, true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id, ok = w.known[name]
	return id, ok
}

// Refresh drops the cached processes and containers, so that finders ask again.
func (w *World) Refresh() {
	for _, f := range w.finders {
		f.Release()
	}
}

// Release closes every namespace that Open opened, except linkd's own, so that linkd keeps none alive.
func (w *World) Release() {
	w.Refresh()
	w.shared.Close()
	w.host.Forget()
}
