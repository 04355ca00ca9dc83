package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ID names a resource as an operator would say it: blue/link/vx10. It is comparable and never holds an ifindex.
type ID struct{ NS, Kind, Key string }

func (id ID) String() string { return id.NS + "/" + id.Kind + "/" + id.Key }

// Compare orders IDs by namespace, kind and key.
func (id ID) Compare(other ID) int {
	return cmp.Or(strings.Compare(id.NS, other.NS), strings.Compare(id.Kind, other.Kind), strings.Compare(id.Key, other.Key))
}

// MarshalText writes the ID in its printed form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// LinkID is the ID of the link called name in the namespace ns. It stands here because resources of every kind
// need links.
func LinkID(ns, name string) ID { return ID{NS: ns, Kind: "link", Key: name} }

// Resource is one thing that linkd can own. The same type says what is wanted and what is found.
type Resource interface {
	ID() ID
	// Needs are the resources without which this one cannot be there. One that no file declares has to be found.
	Needs() []ID
	// Origin is where the resource was declared; it is zero for one that was found.
	Origin() Source
	// Relations are all that the resource has to do with others beside that.
	Relations() Relations
}

// cycles reports every resource that needs itself, directly or through others.
func (s *Set) cycles() Errors {
	const (
		unseen = iota
		open
		done
	)
	state := map[ID]int{}
	var errs Errors
	var path []ID
	var visit func(id ID)
	visit = func(id ID) {
		r := s.Get(id)
		if r == nil || state[id] == done {
			return
		}
		if state[id] == open {
			round := path[slices.Index(path, id):]
			names := make([]string, 0, len(round)+1)
			e := &Error{Source: r.Origin()}
			named := map[string]bool{e.File: true}
			for _, step := range append(slices.Clone(round), id) {
				names = append(names, step.String())
				if f := s.Get(step).Origin().File; !named[f] {
					named[f] = true
					e.Also = append(e.Also, f)
				}
			}
			e.Message = fmt.Sprintf("a cycle: %s", strings.Join(names, " needs "))
			errs = append(errs, e)
			return
		}
		state[id] = open
		path = append(path, id)
		for _, need := range r.Needs() {
			visit(need)
		}
		if outer := r.Relations().Within; outer != (ID{}) {
			visit(outer)
		}
		path = path[:len(path)-1]
		state[id] = done
	}
	for _, r := range s.All() {
		visit(r.ID())
	}
	return errs
}
