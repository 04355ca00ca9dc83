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

// Journal remembers what the kernel has no room to remember: what a setting was before, and which resources linkd
// made. It is a file of JSON lines with checksums in the runtime directory, which is gone, as the kernel's state is, after a
// reboot.
// A line is written before the change that it speaks of, so a kill at any moment leaves no change without its line.
//
// Losing the journal fails safe: what is not marked is not deleted, and what was set stays as it is.
type Journal struct {
	// Fresh: there was none, or something in it is lost. Lost: there was none of this boot.
	Fresh, Lost bool

	mu      sync.Mutex
	entries map[scope]map[spec.ID]Entry
	size    int // entries
	// fetched are where devices were fetched from, and unconfirmed what could not be confirmed, of the entries.
	fetched     map[string]spec.ID
	unconfirmed map[spec.ID]Entry
	// makers are the resources that make namespaces.
	makers map[string]spec.ID
	// names are those under which something is remembered in each namespace, and how much.
	names      map[observe.Identity]map[string]int
	namespaces map[string]spec.Selector
	storage    storage
	file       io.WriteCloser
	path       string
	lines      int
	boot       string   // the boot that the lines are of
	next       position // of the next line
	readOnly   bool
	broken     error // why it cannot be written
	damage     error // what was lost when it was read
}

// Entry is what is remembered of one resource.
type Entry struct {
	// Identity is the namespace's: an entry about a namespace that was made anew says nothing.
	Identity observe.Identity `json:"netns"`
	// Set: it is a setting, Before is what it was, and Wrote what linkd made of it. Otherwise linkd made it.
	Set    bool   `json:"set,omitempty"`
	Before string `json:"before,omitempty"`
	Wrote  string `json:"wrote,omitempty"`
	// Earlier is what linkd had made of the setting before Wrote. It still is that if the last change failed, or linkd was
	// killed before; "" once Wrote was seen.
	Earlier string `json:"earlier,omitempty"`
	// Fetched: it is not linkd's own, so it is never deleted, but put back.
	Fetched bool `json:"fetched,omitempty"`
	// Print is the fingerprint of what was made, "" until it was seen.
	Print string `json:"print,omitempty"`
	// Device is what tells what was fetched from everything else: see spec.Relations.
	Device string `json:"device,omitempty"`
	// Makes is the namespace that the resource makes: it is looked at for as long as the resource is remembered.
	Makes string `json:"makes,omitempty"`
}

// empty drops everything.
func (j *Journal) empty() {
	j.entries, j.size = map[scope]map[spec.ID]Entry{}, 0
	j.fetched, j.unconfirmed, j.makers = map[string]spec.ID{}, map[spec.ID]Entry{}, map[string]spec.ID{}
	j.names = map[observe.Identity]map[string]int{}
}

func (j *Journal) set(id spec.ID, e Entry) {
	s := scopeOf(id)
	j.drop(id)
	if j.entries[s] == nil {
		j.entries[s] = map[spec.ID]Entry{}
	}
	j.size++
	j.entries[s][id] = e
	if j.names[e.Identity] == nil {
		j.names[e.Identity] = map[string]int{}
	}
	j.names[e.Identity][id.NS]++
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

func (j *Journal) drop(id spec.ID) (dropped bool) {
	s := scopeOf(id)
	e, dropped := j.entries[s][id]
	if dropped {
		j.size--
		names := j.names[e.Identity]
		if names[id.NS]--; names[id.NS] == 0 {
			delete(names, id.NS)
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
	return dropped
}

func (j *Journal) all() iter.Seq2[spec.ID, Entry] {
	scopes := j.entries
	return func(yield func(spec.ID, Entry) bool) {
		for _, entries := range scopes {
			for id, e := range entries {
				if !yield(id, e) {
					return
				}
			}
		}
	}
}

// Get is what is remembered of a resource, if its namespace is still the same.
func (j *Journal) Get(id spec.ID, ns observe.Identity) (Entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[scopeOf(id)][id]
	return e, ok && e.Identity == ns
}

// Put remembers e, unless just that is remembered already.
func (j *Journal) Put(id spec.ID, e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.entries[scopeOf(id)][id] == e {
		return
	}
	j.set(id, e)
	j.write(line{NS: id.NS, Kind: id.Kind, Key: id.Key, Entry: &e})
}

// Restore takes back a Put: e is what was remembered before, if anything was.
func (j *Journal) Restore(id spec.ID, e Entry, remembered bool) {
	if remembered {
		j.Put(id, e)
	} else {
		j.Forget(id)
	}
}

// Forget drops a resource.
func (j *Journal) Forget(id spec.ID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.drop(id) {
		j.write(line{NS: id.NS, Kind: id.Kind, Key: id.Key})
	}
}

// Remember keeps how a namespace is found for as long as something is remembered in it.
func (j *Journal) Remember(name string, s spec.Selector) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.namespaces[name] != s {
		j.namespaces[name] = s
		j.write(line{Namespace: name, Selector: s.Notation()})
	}
}

// Scopes are the scopes in which something is remembered.
func (j *Journal) Scopes() []scope {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Collect(maps.Keys(j.entries))
}

// In is what is remembered in a scope.
func (j *Journal) In(s scope) map[spec.ID]Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.entries[s])
}

// Has tells whether something is remembered in a scope.
func (j *Journal) Has(s scope) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries[s]) > 0
}

// Recall is what is remembered of a resource, be it of a namespace that was there before.
func (j *Journal) Recall(id spec.ID) (e Entry, remembered bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, remembered = j.entries[scopeOf(id)][id]
	return e, remembered
}

// HasFetched tells whether something of a kind was fetched, and not put back yet.
func (j *Journal) HasFetched(kind string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, origin := range j.fetched {
		return origin.Kind == kind
	}
	return false
}

// Made is the fingerprint of a namespace that linkd made.
func (j *Journal) Made(ns string) (print string, made bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id, made := j.makers[ns]
	return j.entries[scopeOf(id)][id].Print, made
}

// MakerOf is the resource that makes a namespace.
func (j *Journal) MakerOf(ns string) (id spec.ID, made bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	id, made = j.makers[ns]
	return id, made
}

// Unconfirmed is what could not be confirmed when the journal had been lost.
func (j *Journal) Unconfirmed() map[spec.ID]Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.unconfirmed)
}

// Entries are all that is remembered.
func (j *Journal) Entries() map[spec.ID]Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Collect(j.all())
}

// Namespaces are the namespaces of all remembered resources and those that these make, and how each was found.
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

// Rename gives namespaces other names, at one stroke.
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
