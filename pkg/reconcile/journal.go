package reconcile

import (
	"io"
	"maps"
	"slices"
	"sync"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Journal records what the kernel cannot record: the value of a setting before linkd changed it, and which resources
// linkd made. It is a file of JSON lines with checksums in the runtime directory, which a reboot empties together
// with the kernel's state. linkd writes a line before the change that the line describes, so that a kill at any
// moment leaves no change without its line.
// A lost journal fails safe: linkd deletes nothing without a mark, and settings stay as they are. All methods are
// safe for concurrent use.
type Journal struct {
	// Fresh: there was no journal, or a part of it is lost. Lost: there was no journal of this boot.
	Fresh, Lost bool
	// unsearched: there was no journal, or a part of it is lost, and linkd has not searched everywhere for its marks since. It is
	// recorded, because a linkd that is killed before that leaves a journal that looks complete.
	unsearched bool

	mu      sync.Mutex
	entries map[scope]*byKey[*Entry]
	size    int // entries
	// fetched maps devices to their origins. unconfirmed are the entries of unconfirmedKind.
	fetched     map[string]spec.ID
	unconfirmed map[spec.ID]Entry
	// makers maps namespaces to the resources that make them.
	makers map[string]spec.ID
	// names counts the entries of each namespace by the name they were recorded under.
	names map[observe.Identity]*byKey[int]
	// identities are those of the namespaces that have entries under a name.
	identities map[string][]observe.Identity
	namespaces map[string]spec.Selector
	storage    storage
	file       io.WriteCloser
	path       string
	lines      int
	boot       string   // the boot ID in the lines
	next       position // of the next line
	readOnly   bool
	broken     error // why the journal cannot be written
	damage     error // what was lost when it was read
}

// Get returns the entry of a resource, if it is about the namespace with this identity.
func (j *Journal) Get(id spec.ID, ns observe.Identity) (Entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.get(id)
	return e, ok && e.Identity == ns
}

// Put records e, unless the journal has the same entry.
func (j *Journal) Put(id spec.ID, e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if before, _ := j.get(id); before == e {
		return
	}
	j.set(id, e)
	j.write(line{NS: id.NS, Kind: id.Kind, Key: id.Key, Entry: &e})
}

// Restore undoes a Put: e is the entry from before, if remembered.
func (j *Journal) Restore(id spec.ID, e Entry, remembered bool) {
	if remembered {
		j.Put(id, e)
	} else {
		j.Forget(id)
	}
}

// Forget drops the entry of a resource.
func (j *Journal) Forget(id spec.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.drop(id) {
		j.write(line{NS: id.NS, Kind: id.Kind, Key: id.Key})
	}
}

// Remember records the selector of a namespace.
func (j *Journal) Remember(name string, s spec.Selector) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.namespaces[name] != s {
		j.namespaces[name] = s
		j.write(line{Namespace: name, Selector: s.Notation()})
	}
}

// Scopes returns the scopes that have entries.
func (j *Journal) Scopes() []scope {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Collect(maps.Keys(j.entries))
}

// scopesWith returns the scopes that have entries and that which accepts.
func (j *Journal) scopesWith(which func(scope) bool) (scopes []scope) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for s := range j.entries {
		if which(s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// In returns the entries of a scope.
func (j *Journal) In(s scope) map[spec.ID]Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	in := make(map[spec.ID]Entry, j.entries[s].len())
	for key, e := range j.entries[s].all() {
		in[spec.ID{NS: s.ns, Kind: s.kind, Key: key}] = *e
	}
	return in
}

// Has reports whether a scope has entries.
func (j *Journal) Has(s scope) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries[s].len() > 0
}

// Recall returns the entry of a resource, even if it is about an earlier namespace of that name.
func (j *Journal) Recall(id spec.ID) (e Entry, remembered bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.get(id)
}

// HasFetched reports whether linkd has fetched a resource of this kind and not put it back yet.
func (j *Journal) HasFetched(kind string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, origin := range j.fetched {
		return origin.Kind == kind
	}
	return false
}

// Made returns the fingerprint of a namespace that linkd made.
func (j *Journal) Made(ns string) (print string, made bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id, made := j.makers[ns]
	e, _ := j.get(id)
	return e.Print, made
}

// MakerOf returns the resource that makes a namespace.
func (j *Journal) MakerOf(ns string) (id spec.ID, made bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id, made = j.makers[ns]
	return id, made
}

// Unconfirmed returns the entries of resources whose mark could not be confirmed after the journal had been lost.
func (j *Journal) Unconfirmed() map[spec.ID]Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.unconfirmed)
}

// Entries returns all entries.
func (j *Journal) Entries() map[spec.ID]Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Collect(j.all())
}

// settings returns the IDs of all entries about settings.
func (j *Journal) settings() (ids []spec.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, e := range j.all() {
		if e.Set {
			ids = append(ids, id)
		}
	}
	return ids
}

// Namespaces returns the selectors of all namespaces that have entries or are made by a resource with an entry.
func (j *Journal) Namespaces() map[string]spec.Selector {
	j.mu.Lock()
	defer j.mu.Unlock()
	inUse := map[string]spec.Selector{}
	for id, e := range j.all() {
		for _, name := range []string{id.NS, e.Makes} {
			if s, known := j.namespaces[name]; known {
				inUse[name] = s
			}
		}
	}
	return inUse
}

// Rename renames namespaces in all entries and rewrites the file once.
func (j *Journal) Rename(names map[string]string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(names) == 0 {
		return
	}
	renamed := func(name string) string {
		if now, is := names[name]; is {
			return now
		}
		return name
	}
	old, namespaces := j.all(), make(map[string]spec.Selector, len(j.namespaces))
	j.empty()
	for id, e := range old {
		id.NS, e.Makes = renamed(id.NS), renamed(e.Makes)
		j.set(id, e)
	}
	for name, selector := range j.namespaces {
		namespaces[renamed(name)] = selector
	}
	j.namespaces = namespaces
	if !j.readOnly {
		j.broken = j.compact()
	}
}
