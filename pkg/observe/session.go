package observe

import (
	"sync"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// Session holds the open namespaces of one piece of work: a look at a namespace, or a few changes in it. It has file
// descriptors and sockets of its own, so it never waits for another session. After Close nothing keeps a namespace
// alive. Until then Open returns the same result for a name, even an error. Several goroutines may use it.
type Session struct {
	world *World

	mu     sync.Mutex
	opened map[string]*NS
	failed map[string]error
}

// NewSession begins a session. Close it after use.
func (w *World) NewSession() *Session {
	return &Session{world: w, opened: map[string]*NS{}, failed: map[string]error{}}
}

// Shared returns the session for code that works alone, which lasts until Release.
func (w *World) Shared() *Session { return w.shared }

// Open finds and opens a namespace by its name in the files.
func (s *Session) Open(name string) (*NS, error) {
	s.mu.Lock()
	ns, err := s.opened[name], s.failed[name]
	s.mu.Unlock()
	if ns != nil || err != nil {
		return ns, err
	}
	ns, err = s.open(name)

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed[name] = err
		return nil, err
	}
	if other := s.opened[name]; other != nil {
		ns.close()
		return other, nil
	}
	s.opened[name] = ns
	return ns, nil
}

func (s *Session) open(name string) (ns *NS, err error) {
	if name == spec.Host && s == s.world.shared {
		return s.world.host, nil
	}
	if name == spec.Host {
		ns, err = s.world.openHost()
	} else {
		declared, _ := s.world.Declared(name)
		declared.Name = name
		ns, err = s.world.find(declared)
		s.world.recordOpened(name, ns, err)
	}
	if ns != nil {
		ns.session = s
	}
	return ns, err
}

// Location is where a namespace is, and which one it is: its path may be a symbolic link.
type Location struct {
	Path     string
	Identity Identity
	Inode    Inode
}

// Location returns the location of the namespace.
func (ns *NS) Location() Location {
	// The descriptor is open, so the call cannot fail.
	inode, _ := ns.Inode()
	return Location{ns.Path, ns.Identity, inode}
}

// IsHost reports whether the namespace is linkd's own, which several sessions may have open.
func (ns *NS) IsHost() bool { return ns.Identity == ns.world.host.Identity }

// openHost opens linkd's own namespace again, with a new socket.
func (w *World) openHost() (*NS, error) {
	fd, err := unix.FcntlInt(uintptr(w.host.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	sock, _, err := openSocket(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &NS{Name: spec.Host, Path: w.host.Path, Identity: w.host.Identity, id: OwnID, world: w, fd: fd, route: sock}, nil
}

// recordOpened records the namespace that a name led to when it was last opened.
func (w *World) recordOpened(name string, ns *NS, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.forget(name)
	} else {
		if w.found[name] != ns.Path {
			w.version++
		}
		w.known[name], w.found[name] = ns.Identity, ns.Path
	}
}

// Retry drops the cached result of Open for a namespace that was just made, or made anew.
func (s *Session) Retry(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.failed, name)
	if ns := s.opened[name]; ns != nil {
		ns.close()
		delete(s.opened, name)
	}
}

// Join moves the open namespaces of another session into this one, and closes the other.
func (s *Session) Join(other *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, ns := range other.opened {
		if s.opened[name] == nil {
			s.opened[name], ns.session = ns, s
			delete(other.opened, name)
		}
	}
	other.Close()
}

// Split moves the open namespaces with these names into a new session, if their names still lead to them, so that
// they need not be opened again.
func (s *Session) Split(names []string) *Session {
	part := s.world.NewSession()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if ns := s.opened[name]; ns != nil && s.world.stillFinds(ns) {
			ns.Forget()
			part.opened[name], ns.session = ns, part
			delete(s.opened, name)
		}
	}
	return part
}

// Close closes every namespace of the session.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ns := range s.opened {
		if ns != s.world.host {
			ns.close()
		}
	}
	clear(s.opened)
	clear(s.failed)
}
