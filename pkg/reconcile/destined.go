package reconcile

import (
	"net/netip"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// destinations are where the wanted routes lead.
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

// hasProblemIn tells whether something in a scope is not as wanted: a route of others may be what it waits for, such as one by
// which its gateway can be reached.
func (c *Core) hasProblemIn(s scope) bool {
	return len(c.notOK.in(s)) > 0 || c.found.lookErrors[s] != nil
}

// waitsForRoutes tells whether something somewhere may be waiting for a route of others.
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

// existing are the names of interfaces that others made: those that the files configure, and those on which linkd has changed
// something that it still has to put back.
func (c *Core) existing() observe.Existing {
	names := observe.Existing{}
	for _, r := range c.desired.set.All() {
		if relations := relationsOf(r); relations.OnlyFound && relations.FetchedFrom == (spec.ID{}) {
			names[spec.End{NS: r.ID().NS, Dev: r.ID().Key}] = true
		}
	}
	for id, e := range c.journal.Entries() {
		if !e.Set {
			continue
		}
		if k := c.kinds.byName[id.Kind]; k != nil && k.isSelective() {
			if r, ok := k.fromID(id); ok && len(r.Needs()) > 0 {
				id = r.Needs()[0]
			}
		}
		names[spec.End{NS: id.NS, Dev: id.Key}] = true
	}
	return names
}
