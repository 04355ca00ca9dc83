package reconcile

import (
	"io"
	"iter"
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

	mu sync.Mutex
	// entries are by scope. They are pointers because most scopes have one or two: a map has room for eight, and
	// there may be 40,000 scopes.
	entries map[scope]map[spec.ID]*Entry
	size    int // entries
	// fetched maps devices to their origins. unconfirmed are the entries of unconfirmedKind.
	fetched     map[string]spec.ID
	unconfirmed map[spec.ID]Entry
	// makers maps namespaces to the resources that make them.
	makers map[string]spec.ID
	// names counts the entries of each namespace by the name they were recorded under.
	names map[observe.Identity]map[string]int
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

// Entry is the record of one resource.
type Entry struct {
	// Identity identifies the namespace: an entry does not apply to a later namespace of the same name.
	Identity observe.Identity `json:"netns"`
	// Set: the resource is a setting. Before is the value before linkd changed it, and Wrote the value that linkd
	// wrote. Otherwise linkd made the resource.
	Set    bool   `json:"set,omitempty"`
	Before string `json:"before,omitempty"`
	Wrote  string `json:"wrote,omitempty"`
	// Earlier is the value that linkd had written before Wrote. The setting still has it if the last change failed or
	// linkd was killed before the change; "" once linkd has observed Wrote.
	Earlier string `json:"earlier,omitempty"`
	// Fetched: the resource is not linkd's own, so linkd never deletes it, but puts it back.
	Fetched bool `json:"fetched,omitempty"`
	// Print is the fingerprint of what linkd made, "" until linkd has observed it.
	Print string `json:"print,omitempty"`
	// Device identifies a fetched resource: see spec.Relations.
	Device string `json:"device,omitempty"`
	// Makes is the namespace that the resource makes. linkd looks at that namespace as long as there is an entry.
	Makes string `json:"makes,omitempty"`
	// Files are the absolute paths of the files that declare the resource, separated by NUL: several if each was applied
	// by itself. "" if they are not known.
	Files string `json:"files,omitempty"`
}

// empty drops all entries.
func (j *Journal) empty() {
	j.entries, j.size = map[scope]map[spec.ID]*Entry{}, 0
	j.fetched, j.unconfirmed, j.makers = map[string]spec.ID{}, map[spec.ID]Entry{}, map[string]spec.ID{}
	j.names, j.identities = map[observe.Identity]map[string]int{}, map[string][]observe.Identity{}
}

// set adds an entry to memory and updates the indexes.
func (j *Journal) set(id spec.ID, e Entry) {
	s := scopeOf(id)
	j.drop(id)
	if j.entries[s] == nil {
		j.entries[s] = map[spec.ID]*Entry{}
	}
	j.size++
	j.entries[s][id] = &e
	if j.names[e.Identity] == nil {
		j.names[e.Identity] = map[string]int{}
	}
	if j.names[e.Identity][id.NS]++; j.names[e.Identity][id.NS] == 1 {
		j.identities[id.NS] = append(j.identities[id.NS], e.Identity)
	}
	if e.Makes != "" {
		j.makers[e.Makes] = id
	}
	switch {
	case id.Kind == fetchedKind && e.Device != "":
		j.fetched[e.Device] = fromOfEntry(id)
	case id.Kind == unconfirmedKind:
		j.unconfirmed[id] = e
	}
}

// drop removes an entry from memory and the indexes.
func (j *Journal) drop(id spec.ID) (dropped bool) {
	s := scopeOf(id)
	e := j.entries[s][id]
	if e != nil {
		j.size--
		names := j.names[e.Identity]
		if names[id.NS]--; names[id.NS] == 0 {
			delete(names, id.NS)
			left := slices.DeleteFunc(j.identities[id.NS], func(other observe.Identity) bool { return other == e.Identity })
			if j.identities[id.NS] = left; len(left) == 0 {
				delete(j.identities, id.NS)
			}
		}
		if len(names) == 0 {
			delete(j.names, e.Identity)
		}
		delete(j.unconfirmed, id)
		if j.makers[e.Makes] == id {
			delete(j.makers, e.Makes)
		}
		if j.fetched[e.Device] == fromOfEntry(id) {
			delete(j.fetched, e.Device)
		}
		if delete(j.entries[s], id); len(j.entries[s]) == 0 {
			delete(j.entries, s)
		}
	}
	return e != nil
}

// get returns the entry of a resource.
func (j *Journal) get(id spec.ID) (e Entry, remembered bool) {
	if at := j.entries[scopeOf(id)][id]; at != nil {
		return *at, true
	}
	return Entry{}, false
}

// all iterates over all entries.
func (j *Journal) all() iter.Seq2[spec.ID, Entry] {
	scopes := j.entries
	return func(yield func(spec.ID, Entry) bool) {
		for _, entries := range scopes {
			for id, e := range entries {
				if !yield(id, *e) {
					return
				}
			}
		}
	}
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

// In returns the entries of a scope.
func (j *Journal) In(s scope) map[spec.ID]Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	in := make(map[spec.ID]Entry, len(j.entries[s]))
	for id, e := range j.entries[s] {
		in[id] = *e
	}
	return in
}

// Has reports whether a scope has entries.
func (j *Journal) Has(s scope) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries[s]) > 0
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
