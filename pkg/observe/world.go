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

// World is the namespaces that the files name, with linkd's own as spec.Host. It survives passes; what it opens does
// not (see Release).
type World struct {
	host      *NS
	processes *processes
	finders   []Finder
	mounts    *os.File // the mount namespace to mount in, nil for linkd's own

	// Instance tells this linkd from others on the same machine: its runtime directory. It is set before first use.
	Instance string
	// shared is the session of who works alone: the commands that look once.
	shared *Session

	mu       sync.Mutex
	declared map[string]spec.Namespace
	known    map[string]Identity // what each name was when it was last opened
	found    map[string]string   // and its path then
	ids      map[string]numbered // and the ids of those
	pinned   map[string]Identity // what a name has to be, or nothing
	byID     map[int]string
	inodes   map[int]uint64 // of the namespaces by their ids, as /proc shows them

	destinations atomic.Pointer[Destinations]
	existing     atomic.Pointer[Existing]
	echoes       echoes

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
		known:     map[string]Identity{},
		found:     map[string]string{},
		ids:       map[string]numbered{},
		byID:      map[int]string{},
		inodes:    map[int]uint64{},
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
		f.SetDeclared(namespaces)
	}
}

func (w *World) forget(name string) {
	delete(w.known, name)
	delete(w.found, name)
	if at, known := w.ids[name]; known && w.byID[at.id] == name {
		delete(w.byID, at.id)
		delete(w.inodes, at.id)
	}
	delete(w.ids, name)
}

// Pin sets what namespaces some names have to lead to: one that leads to another is refused.
func (w *World) Pin(pinned map[string]Identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pinned = pinned
}

// Named is the name under which the files know what a selector finds. The selector may be one that was read from its
// printed form.
func (w *World) Named(selector spec.Selector) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, ns := range w.declared {
		if ns.Selector.String() == selector.String() {
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

// Refresh forgets what was asked about processes and containers: it is asked anew.
func (w *World) Refresh() {
	for _, f := range w.finders {
		f.Release()
	}
}

// Release closes every namespace but linkd's own that Open opened, so that none is kept alive by linkd alone.
func (w *World) Release() {
	w.Refresh()
	w.shared.Close()
	w.host.Forget()
}
