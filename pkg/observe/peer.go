package observe

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// mostPeers is how many namespaces linkd compares to find the one that an ID stands for.
const mostPeers = 16 << 10

// Peers finds the namespaces that links lead into, by the IDs that messages name them by. It only looks: it gives no namespace an
// ID and declares none. One goroutine uses it.
type Peers struct {
	session *Session
	ids     map[Identity]map[int]string
	// candidates are the paths of all namespaces that linkd can find, by their names; nil until they are asked for.
	candidates map[string]string
	names      []string
}

// NewPeers returns a Peers that opens namespaces in a session, which owns them.
func NewPeers(s *Session) *Peers { return &Peers{session: s, ids: map[Identity]map[int]string{}} }

// Open opens the namespace that ns knows by an ID. Its name is the one in the files, or, if no file names it, name:NAME for a
// file in NetnsDir and pid:N for the first process in it. The error says if linkd cannot find it.
func (p *Peers) Open(ns *NS, id int) (*NS, error) {
	known := p.ids[ns.Identity]
	if known == nil {
		known = map[int]string{}
		p.ids[ns.Identity] = known
	}
	if name, is := known[id]; is {
		return p.open(name)
	}
	for _, other := range p.opened() {
		at, err := ns.idOf(other.fd)
		if err != nil {
			return nil, err
		}
		if at >= 0 {
			known[at] = other.Name
		}
	}
	if name, is := known[id]; is {
		return p.open(name)
	}
	if err := p.compare(ns, known); err != nil {
		return nil, err
	}
	name, is := known[id]
	if !is {
		return nil, fmt.Errorf("linkd cannot find the namespace with the ID %d in %s: no file, name or process leads there", id, ns.Name)
	}
	return p.open(name)
}

// All opens all namespaces that linkd can find, up to most, and returns them; more reports whether there are others.
func (p *Peers) All(most int) (all []*NS, more bool, err error) {
	if p.candidates == nil {
		if err := p.search(); err != nil {
			return nil, false, err
		}
	}
	all = []*NS{p.session.world.host}
	seen := map[Identity]bool{p.session.world.host.Identity: true}
	for _, name := range p.names {
		if len(all) >= most {
			return all, true, nil
		}
		// One that cannot be opened has ended since.
		if ns, err := p.open(name); err == nil && !seen[ns.Identity] {
			seen[ns.Identity] = true
			all = append(all, ns)
		}
	}
	return all, false, nil
}

// opened are the namespaces that are open, and linkd's own.
func (p *Peers) opened() []*NS {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	return append(slices.Collect(maps.Values(p.session.opened)), p.session.world.host)
}

// compare asks ns for the IDs of all namespaces that linkd can find.
func (p *Peers) compare(ns *NS, known map[int]string) error {
	if p.candidates == nil {
		if err := p.search(); err != nil {
			return err
		}
	}
	for _, name := range p.names {
		fd, err := openNamespace(p.candidates[name])
		if err != nil {
			// It has ended since.
			continue
		}
		id, err := ns.idOf(fd)
		unix.Close(fd)
		if err != nil {
			return err
		}
		if _, is := known[id]; !is && id >= 0 {
			known[id] = name
		}
	}
	return nil
}

// search finds all namespaces, those that the files name first.
func (p *Peers) search() error {
	p.candidates = map[string]string{}
	w := p.session.world
	var at unix.Stat_t
	// A namespace that has several names is found by the first.
	found := map[uint64]bool{}
	if unix.Fstat(w.host.fd, &at) == nil {
		found[at.Ino] = true
	}
	add := func(name, path string) {
		if _, is := p.candidates[name]; is || len(p.names) >= mostPeers || unix.Stat(path, &at) != nil || found[at.Ino] {
			return
		}
		found[at.Ino] = true
		p.candidates[name] = path
		p.names = append(p.names, name)
	}
	w.mu.Lock()
	declared := maps.Clone(w.declared)
	w.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if path, _, err := w.where(declared[name]); err == nil && name != spec.Host {
			add(name, path)
		}
	}
	named, err := os.ReadDir(NetnsDir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range named {
		add(spec.Selector{Scheme: "name", Value: e.Name()}.String(), filepath.Join(NetnsDir, e.Name()))
	}
	inhabited, err := w.ProcessNamespaces()
	if err != nil {
		return err
	}
	for _, pid := range slices.Sorted(maps.Values(inhabited)) {
		add(spec.Selector{Scheme: "pid", Value: strconv.Itoa(pid)}.String(), fmt.Sprintf("/proc/%d/ns/net", pid))
	}
	return nil
}

// open opens a namespace that was found, in the session.
func (p *Peers) open(name string) (*NS, error) {
	s := p.session
	if _, declared := s.world.Declared(name); declared || name == spec.Host {
		return s.Open(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns := s.opened[name]; ns != nil {
		return ns, nil
	}
	path := p.candidates[name]
	fd, err := openNamespace(path)
	if err != nil {
		return nil, err
	}
	sock, identity, err := openSocket(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	ns := &NS{Name: name, Path: path, Identity: identity, id: NoID, world: s.world, session: s, fd: fd, route: sock}
	s.opened[name] = ns
	return ns, nil
}
