package reconcile

import (
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Namesakes is what is remembered of a resource under other names of its namespace.
func (j *Journal) Namesakes(id spec.ID, ns observe.Identity) (namesakes []Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(j.names[ns])) {
		other := spec.ID{NS: name, Kind: id.Kind, Key: id.Key}
		if e, remembered := j.entries[scopeOf(other)][other]; remembered && other != id && e.Identity == ns {
			namesakes = append(namesakes, e)
		}
	}
	return namesakes
}

// Merge has what is remembered of a namespace under one name remembered under another name of it, and tells whether that is
// anything.
func (j *Journal) Merge(from, to string, ns observe.Identity) (some bool) {
	j.mu.Lock()
	some = j.names[ns][from] > 0
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
			// It is as one of the two has left it.
			there.Earlier = e.Wrote
			j.Put(now, there)
		}
		j.Forget(id)
	}
	return true
}

// Knows tells whether something is remembered under a name of the namespace with that identity.
func (j *Journal) Knows(name string, id observe.Identity) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for s, entries := range j.entries {
		for _, e := range entries {
			if s.ns == name && e.Identity == id {
				return true
			}
		}
	}
	return false
}
