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
	for id := range c.troubled {
		if scopeOf(id) == s {
			return true
		}
	}
	return c.found.blind[s] != nil
}
