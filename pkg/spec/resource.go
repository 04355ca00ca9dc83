package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ID is the printed name of a resource: blue/link/vx10. It is comparable and never contains an interface index.
type ID struct{ NS, Kind, Key string }

func (id ID) String() string { return id.NS + "/" + id.Kind + "/" + id.Key }

// Compare orders IDs by namespace, kind and key.
func (id ID) Compare(other ID) int {
	return cmp.Or(strings.Compare(id.NS, other.NS), strings.Compare(id.Kind, other.Kind), strings.Compare(id.Key, other.Key))
}

// MarshalText returns the ID in its printed form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// LinkID returns the ID of the link called name in the namespace ns. It is here because resources of every kind need
// links.
func LinkID(ns, name string) ID { return ID{NS: ns, Kind: "link", Key: name} }

// NamespaceID returns the ID of a namespace that the files name. It is also the ID of the namespace's name in /run/netns,
// if linkd makes one. It is here because resources of every kind need namespaces.
func NamespaceID(name string) ID { return ID{NS: Host, Kind: "netns", Key: name} }

// ReplacedKind is the kind of what others had in the place of a resource with adopt: true.
const ReplacedKind = "replaced"

// ReplacedID returns the ID of what others have in the place of an address or a route, which what names: "address
// 192.0.2.10/24", "route default". It is here because addresses and routes need it.
func ReplacedID(ns, what string) ID { return ID{NS: ns, Kind: ReplacedKind, Key: what} }

// Resource is one thing that linkd can own. Desired and observed resources have the same type.
type Resource interface {
	ID() ID
	// Needs returns the resources without which this one cannot exist. One that no file declares must exist.
	Needs() []ID
	// Origin returns where the resource was declared; zero for an observed one.
	Origin() Source
	// Relations returns all other relations of the resource.
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
