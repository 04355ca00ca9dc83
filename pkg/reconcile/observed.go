package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// scope is one kind in one namespace: the unit of a look.
type scope struct{ ns, kind string }

func scopeOf(id spec.ID) scope { return scope{id.NS, id.Kind} }

func (s scope) id(key string) spec.ID { return spec.ID{NS: s.ns, Kind: s.kind, Key: key} }

func (s scope) compare(other scope) int {
	return cmp.Or(strings.Compare(s.ns, other.ns), strings.Compare(s.kind, other.kind))
}

// inOrder returns the keys of a map in order, so that requests and journal lines come in the same order each time.
func inOrder[K comparable, V any](m map[K]V, compare func(a, b K) int) []K {
	if len(m) == 0 {
		return nil
	}
	return slices.SortedFunc(maps.Keys(m), compare)
}

// resources are observed resources of one scope.
type resources = byKey[spec.Resource]

// observed are the observed resources, by namespace and kind.
type observed map[string]map[string]*resources

func (p observed) get(id spec.ID) spec.Resource { return p[id.NS][id.Kind].get(id.Key) }

// in returns the resources of a scope; nil if it was not observed.
func (p observed) in(s scope) *resources { return p[s.ns][s.kind] }

// replace sets the resources of a scope.
func (p observed) replace(s scope, now *resources) {
	if p[s.ns] == nil {
		p[s.ns] = map[string]*resources{}
	}
	p[s.ns][s.kind] = now
}

func (p observed) set(r spec.Resource) {
	id := r.ID()
	if p.in(scopeOf(id)) == nil {
		p.replace(scopeOf(id), &resources{})
	}
	p.in(scopeOf(id)).put(id.Key, r)
}

func (p observed) ofKind(kind string) (found []spec.Resource) {
	for _, kinds := range p {
		for _, r := range kinds[kind].all() {
			found = append(found, r)
		}
	}
	return found
}

// inNS returns the resources in a namespace.
func (p observed) inNS(ns string) (found []spec.Resource) {
	for _, resources := range p[ns] {
		for _, r := range resources.all() {
			found = append(found, r)
		}
	}
	return found
}

// relationsOf returns the relations of a resource, or none for nil.
func relationsOf(r spec.Resource) spec.Relations {
	if r == nil {
		return spec.Relations{}
	}
	return r.Relations()
}

// makes returns the namespace that r makes, or "".
func makes(r spec.Resource) string { return relationsOf(r).Makes }

// namespacesOf returns the namespaces that must exist for r, its own first.
func namespacesOf(r spec.Resource) []string {
	own := r.ID().NS
	if other := r.Relations().OtherNS; other != "" {
		return []string{own, other}
	}
	return []string{own}
}

// alsoMakes returns the resource that the kernel makes together with r; is reports whether there is one.
func alsoMakes(r spec.Resource) (twin spec.ID, is bool) {
	twin = relationsOf(r).AlsoMakes
	return twin, twin != spec.ID{}
}
