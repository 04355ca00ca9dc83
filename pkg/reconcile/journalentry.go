package reconcile

import (
	"iter"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Entry is the record of one resource.
type Entry struct {
	// Identity identifies the namespace: an entry does not apply to a later namespace of the same name.
	Identity observe.Identity `json:"netns"`
	// Set: the resource is a setting. Before is the value before linkd changed it, and Wrote the value that linkd
	// wrote. Otherwise linkd made the resource, and Before and Wrote are about those of its attributes that its file
	// sets; "" for none.
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
	// Roams is the attribute that linkd last set and that the kernel may have changed since: see Capabilities.
	Roams string `json:"roams,omitempty"`
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
	j.entries, j.size = map[scope]*byKey[*Entry]{}, 0
	j.fetched, j.unconfirmed, j.makers = map[string]spec.ID{}, map[spec.ID]Entry{}, map[string]spec.ID{}
	j.names, j.identities = map[observe.Identity]*byKey[int]{}, map[string][]observe.Identity{}
}

// set adds an entry to memory and updates the indexes.
func (j *Journal) set(id spec.ID, e Entry) {
	s := scopeOf(id)
	j.drop(id)
	if j.entries[s] == nil {
		j.entries[s] = &byKey[*Entry]{}
	}
	j.size++
	j.entries[s].put(id.Key, &e)
	names := j.names[e.Identity]
	if names == nil {
		names = &byKey[int]{}
		j.names[e.Identity] = names
	}
	names.put(id.NS, names.get(id.NS)+1)
	if names.get(id.NS) == 1 {
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
	e := j.entries[s].get(id.Key)
	if e != nil {
		j.size--
		names := j.names[e.Identity]
		names.put(id.NS, names.get(id.NS)-1)
		if names.get(id.NS) == 0 {
			names.remove(id.NS)
			left := slices.DeleteFunc(j.identities[id.NS], func(other observe.Identity) bool { return other == e.Identity })
			if j.identities[id.NS] = left; len(left) == 0 {
				delete(j.identities, id.NS)
			}
		}
		if names.len() == 0 {
			delete(j.names, e.Identity)
		}
		delete(j.unconfirmed, id)
		if j.makers[e.Makes] == id {
			delete(j.makers, e.Makes)
		}
		if j.fetched[e.Device] == fromOfEntry(id) {
			delete(j.fetched, e.Device)
		}
		if j.entries[s].remove(id.Key); j.entries[s].len() == 0 {
			delete(j.entries, s)
		}
	}
	return e != nil
}

// get returns the entry of a resource.
func (j *Journal) get(id spec.ID) (e Entry, remembered bool) {
	if at := j.entries[scopeOf(id)].get(id.Key); at != nil {
		return *at, true
	}
	return Entry{}, false
}

// all iterates over all entries.
func (j *Journal) all() iter.Seq2[spec.ID, Entry] {
	scopes := j.entries
	return func(yield func(spec.ID, Entry) bool) {
		for s, entries := range scopes {
			for key, e := range entries.all() {
				if !yield(spec.ID{NS: s.ns, Kind: s.kind, Key: key}, *e) {
					return
				}
			}
		}
	}
}
