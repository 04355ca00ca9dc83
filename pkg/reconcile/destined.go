package reconcile

import (
	"net/netip"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// destinations returns the destinations of the desired routes, by namespace.
func (c *Core) destinations() observe.Destinations {
	to := observe.Destinations{}
	for _, r := range c.desired.set.All() {
		leadsTo := r.Relations().LeadsTo
		if !leadsTo.IsValid() {
			continue
		}
		ns := r.ID().NS
		if to[ns] == nil {
			to[ns] = map[netip.Prefix]bool{}
		}
		to[ns][leadsTo] = true
	}
	return to
}

// hasProblemIn reports whether a resource in a scope is not as desired. It may wait for a foreign route, such as one
// to its gateway.
func (c *Core) hasProblemIn(s scope) bool {
	return len(c.notOK.in(s)) > 0 || c.found.lookErrors[s] != nil
}

// waitsForRoutes reports whether a resource in any namespace may wait for a foreign route.
func (c *Core) waitsForRoutes() bool {
	if c.notOK.n+len(c.found.lookErrors) > mostRechecked {
		return true
	}
	for id := range c.notOK.all() {
		if isAbout(c.kinds.byName[id.Kind], observe.RouteTopic) {
			return true
		}
	}
	for s := range c.found.lookErrors {
		if isAbout(c.kinds.byName[s.kind], observe.RouteTopic) {
			return true
		}
	}
	return false
}

// existing returns the names of foreign interfaces that the files configure, and of those on which linkd still has to
// restore something.
func (c *Core) existing() observe.Existing {
	names := observe.Existing{}
	for _, r := range c.desired.set.All() {
		if relations := relationsOf(r); relations.OnlyFound && relations.FetchedFrom == (spec.ID{}) {
			names[spec.End{NS: r.ID().NS, Dev: r.ID().Key}] = true
		}
	}
	for _, id := range c.journal.settings() {
		if k := c.kinds.byName[id.Kind]; k != nil && k.isSelective() {
			if r, ok := k.fromID(id); ok && len(r.Needs()) > 0 {
				id = r.Needs()[0]
			}
		}
		names[spec.End{NS: id.NS, Dev: id.Key}] = true
	}
	return names
}
