package address

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"linkd/pkg/spec"
)

// domains has the declared broadcast domains: the sets of interfaces that reach each other without a router. Each interface refers
// to another one of its domain, until one that refers to none.
type domains map[spec.ID]spec.ID

func domainsOf(all *spec.Set) domains {
	d := domains{}
	for _, r := range all.All() {
		switch r.ID().Kind {
		case "link":
			if peer := r.Relations().AlsoMakes; all.Get(peer) != nil {
				d.join(r.ID(), peer)
			}
			if l, is := r.(interface{ SharesParent() bool }); is && l.SharesParent() {
				for _, parent := range r.Relations().StandsOn {
					d.join(r.ID(), parent)
				}
			}
		case "port":
			if p, is := r.(interface{ MasterID() spec.ID }); is && connects(all, p.MasterID()) {
				d.join(spec.LinkID(r.ID().NS, r.ID().Key), p.MasterID())
			}
		}
	}
	return d
}

// connects reports whether a master connects its ports. A VRF does not; a bridge that filters VLANs may not.
func connects(all *spec.Set, master spec.ID) bool {
	if l, is := all.Get(master).(interface{ ConnectsPorts() bool }); is {
		return l.ConnectsPorts()
	}
	return master.Key != ""
}

func (d domains) of(id spec.ID) spec.ID {
	for next, points := d[id]; points; next, points = d[id] {
		id = next
	}
	return id
}

func (d domains) join(a, b spec.ID) {
	if a, b = d.of(a), d.of(b); a != b {
		d[a] = b
	}
}

// reportCollisions reports addresses that two interfaces in one broadcast domain have.
func reportCollisions(c *spec.Context) {
	byIP := map[netip.Addr][]*Address{}
	twice := false
	for _, r := range c.All().All() {
		if a, is := r.(*Address); is && a.Prefix.IsValid() && !a.leased && !a.Prefix.Addr().IsLoopback() {
			ip := a.Prefix.Addr()
			twice = twice || len(byIP[ip]) > 0
			byIP[ip] = append(byIP[ip], a)
		}
	}
	if !twice {
		return
	}
	reach := domainsOf(c.All())
	for _, ip := range slices.SortedFunc(maps.Keys(byIP), netip.Addr.Compare) {
		first := map[spec.ID]*Address{}
		for _, a := range byIP[ip] {
			domain := reach.of(spec.LinkID(a.NS, a.Dev))
			other := first[domain]
			if other == nil {
				first[domain] = a
				continue
			}
			if other.NS == a.NS && other.Dev == a.Dev {
				continue
			}
			a.collision, other.collision = collision(a, other), cmp.Or(other.collision, collision(other, a))
			c.Collide(a.Source, other.Source, "%s", a.collision)
		}
	}
}

func collision(a, other *Address) string {
	return fmt.Sprintf("%s is the address of %s in %s and of %s in %s (%s), in one broadcast domain: neighbours reach one of the two",
		a.Prefix.Addr(), a.Dev, a.NS, other.Dev, other.NS, other.Source)
}
