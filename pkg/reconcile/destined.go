package reconcile

import (
	"net/netip"

	"linkd/pkg/observe"
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

// waitsIn tells whether something in a scope is not as wanted: a route of others may be what it waits for, such as one by
// which its gateway can be reached.
func (c *Core) waitsIn(s scope) bool {
	return len(c.troubled.in(s)) > 0 || c.found.blind[s] != nil
}

// waitsForRoutes tells whether something somewhere may be waiting for a route of others.
func (c *Core) waitsForRoutes() bool {
	if c.troubled.n+len(c.found.blind) > mostRechecked {
		return true
	}
	for id := range c.troubled.all() {
		if hears(c.kinds.byName[id.Kind], observe.RouteTopic) {
			return true
		}
	}
	for s := range c.found.blind {
		if hears(c.kinds.byName[s.kind], observe.RouteTopic) {
			return true
		}
	}
	return false
}
