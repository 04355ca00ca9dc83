package reconcile

import (
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Namesakes returns the entries of a resource under other names of its namespace.
func (j *Journal) Namesakes(id spec.ID, ns observe.Identity) (namesakes []Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range slices.Sorted(j.names[ns].keys()) {
		other := spec.ID{NS: name, Kind: id.Kind, Key: id.Key}
		if e, remembered := j.get(other); remembered && other != id && e.Identity == ns {
			namesakes = append(namesakes, e)
		}
	}
	return namesakes
}

// leadsTo reports whether linkd looks at a namespace because there is an entry: one of a resource in it, or of the one that
// makes it.
func (j *Journal) leadsTo(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, made := j.makers[name]
	_, known := j.namespaces[name]
	return known && (made || len(j.identities[name]) > 0)
}

// withPrint returns the entry of a resource of a scope that linkd made and that has a fingerprint, under any name.
func (j *Journal) withPrint(s scope, ns observe.Identity, print string) (e Entry, remembered bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries[s].all() {
		if e.Print == print && e.Identity == ns && !e.Set && !e.Fetched {
			return *e, true
		}
	}
	return Entry{}, false
}

// Merge moves the entries of a namespace from one of its names to another, and reports whether there were any.
func (j *Journal) Merge(from, to string, ns observe.Identity) (some bool) {
	j.mu.Lock()
	some = j.names[ns].get(from) > 0
	j.mu.Unlock()
	if !some {
		return false
	}
	for id, e := range j.Entries() {
		if id.NS != from || e.Identity != ns {
			continue
		}
		now := spec.ID{NS: to, Kind: id.Kind, Key: id.Key}
		switch there, remembered := j.Get(now, ns); {
		case !remembered:
			j.Put(now, e)
		case there.Set && e.Set && there.Earlier == "" && there.Wrote != e.Wrote:
			// The setting has the value that one of the two wrote.
			there.Earlier = e.Wrote
			j.Put(now, there)
		}
		j.Forget(id)
	}
	return true
}
