package address

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// lacks returns the companions that are missing, for those of linkd's addresses among found for which chosen is true.
func lacks(ns *observe.NS, found []*Address, links func(index int) *observe.Link, chosen func(*Address) bool) (map[*Address][]companion, error) {
	primary := map[group]*Address{}
	missing := map[*Address][]companion{}
	wanted := map[companion]bool{}
	families := map[int]bool{}
	for _, a := range found {
		at := groupOf(a)
		if primary[at] == nil {
			primary[at] = a
		}
		if !chosen(a) || !(kind{}).Owned(a) || a.device&unix.IFF_UP == 0 || a.Tentative || a.DADFailed {
			continue
		}
		missing[a] = a.companions(primary[at], vrfOf(links, a.index))
		for _, c := range missing[a] {
			wanted[c.place()] = true
		}
		families[familyOf(a.Prefix.Addr())] = true
	}
	router := forwarders{ns, map[int]bool{}}
	if families[unix.AF_INET6] {
		if err := noteAnycast(router, found, links, missing, wanted); err != nil {
			return nil, err
		}
	}
	firsts := firstOnMade(found, links, chosen)
	for a, ip := range linkLocals(found, firsts) {
		// linkd restores deleted ones with the first address that it added to the interface.
		all := ip.companions(ip, vrfOf(links, ip.index))
		if c, has := ip.anycast(vrfOf(links, ip.index)); has {
			forwards, err := router.has(ip.index)
			if err != nil {
				return nil, err
			}
			if forwards {
				all = append(all, c)
			}
		}
		for _, c := range all {
			if _, looked := missing[a]; looked && c.to != multicast6 {
				young, err := ip.isYoung()
				if err != nil {
					return nil, err
				}
				c.young = young && (c.kind == unix.RTN_LOCAL || c.kind == unix.RTN_ANYCAST)
				missing[a] = append(missing[a], c)
				wanted[c.place()] = true
			}
		}
	}
	// Usually all of the kernel's own are there.
	for _, protocol := range []uint8{unix.RTPROT_KERNEL, unix.RTPROT_UNSPEC} {
		for family := range families {
			there, err := routesAt(ns, family, protocol, wanted)
			if err != nil {
				return nil, err
			}
			for a, cs := range missing {
				missing[a] = slices.DeleteFunc(cs, func(c companion) bool { return there[c.place()] })
				if len(missing[a]) == 0 {
					delete(missing, a)
				}
			}
		}
		if len(missing) == 0 {
			break
		}
	}
	return missing, noteLinkLocal(ns, found, firsts, missing)
}

// noteLacks sets in the places of found addresses which companions of the desired ones are missing.
func noteLacks(ns *observe.NS, found []*Address, links func(index int) *observe.Link, wanted []*Address, at map[*Address]place) error {
	declared := make(map[string]map[netip.Prefix]bool)
	for _, w := range wanted {
		if declared[w.Dev] == nil {
			declared[w.Dev] = map[netip.Prefix]bool{}
		}
		declared[w.Dev][w.Prefix] = true
	}
	missing, err := lacks(ns, found, links, func(a *Address) bool { return declared[a.Dev][a.Prefix] })
	for a, cs := range missing {
		p := at[a]
		cs = slices.DeleteFunc(cs, func(c companion) bool {
			if c.common && !c.young {
				p.unrestorable = c.String()
			}
			return c.common && !c.young
		})
		if len(cs) == 0 {
			at[a] = p
			continue
		}
		if slices.ContainsFunc(cs, func(c companion) bool { return c.young }) {
			p.unrouted = true
			at[a] = p
			continue
		}
		if a.Prefix.Addr().Is6() && a.lacksOwnRoute(cs) {
			if young, err := a.isYoung(); err != nil || young {
				p.unrouted = true
				at[a] = p
				continue
			}
		}
		p.lacks = lackText(cs)
		at[a] = p
	}
	return err
}

// vrfOf returns the table of the VRF that an interface is in, or is itself; 0 for none (l3mdev_fib_table in net/l3mdev/l3mdev.c).
func vrfOf(links func(index int) *observe.Link, index int) uint32 {
	link := links(index)
	if link != nil && link.Kind != "vrf" && link.Master != 0 {
		link = links(link.Master)
	}
	if link == nil || link.Kind != "vrf" {
		return 0
	}
	return uint32(observe.Number(link.Data[nl.IFLA_VRF_TABLE]))
}

// lackText returns the text of Diff for missing companions.
func lackText(missing []companion) string {
	texts := make([]string, len(missing))
	for i, c := range missing {
		texts[i] = c.String()
	}
	return strings.Join(texts, ", ")
}

// lackedBy returns the companions that the address of an interface lacks now, and the observed address; nil if it does not exist.
func lackedBy(ns *observe.NS, want *Address, index int) (a *Address, missing []companion, err error) {
	ns.Forget()
	links, err := ns.Some(map[int]bool{index: true}, nil)
	if err != nil {
		return nil, nil, err
	}
	link := links.ByIndex(index)
	if link == nil {
		return nil, nil, fmt.Errorf("look up %s: %w", want.Dev, unix.ENODEV)
	}
	found, err := listOn(ns, want, index)
	if err != nil {
		return nil, nil, err
	}
	for _, there := range found {
		there.index, there.device = index, link.Flags&deviceFlags
		if there.Prefix == want.Prefix {
			a = there
		}
	}
	all, err := lacks(ns, found, links.ByIndex, func(other *Address) bool { return other == a })
	return a, all[a], err
}

// restore creates the missing companions of an address. had says that the route to the address itself existed before.
func restore(ns *observe.NS, want *Address, index int, had bool) error {
	a, missing, err := lackedBy(ns, want, index)
	if err != nil || len(missing) == 0 {
		return err
	}
	if a.Prefix.Addr().Is6() && (a.lacksOwnRoute(missing) || lacksAnycast(missing)) {
		// The kernel creates it only together with the address, so restore deletes the address and adds it again, which creates all
		// of them.
		young, err := a.isYoung()
		if err != nil || young && !had {
			return err
		}
		return sparingRoutes(ns, []*Address{a}, func() error { return addOnceMore(ns, a) })
	}
	for _, c := range missing {
		if c.young || c.common {
			continue
		}
		if of := c.linkLocal(); of.IsValid() {
			if err := remakeLinkLocal(ns, a, of); err != nil {
				return fmt.Errorf("restore the route %s: %w", c, err)
			}
			continue
		}
		if c.kind == linkLocal {
			if err := makeLinkLocal(ns, a.Dev); err != nil {
				return fmt.Errorf("restore the link-local address: %w", err)
			}
			continue
		}
		if err := ns.Change(c.request()); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("restore the route %s: %w", c, err)
		}
	}
	return nil
}

// lacksOwnRoute reports whether the route to the address itself is missing.
func (a *Address) lacksOwnRoute(missing []companion) bool {
	return slices.ContainsFunc(missing, func(c companion) bool { return c.kind == unix.RTN_LOCAL && c.to.Addr() == a.Prefix.Addr() })
}

// lacksAnycast reports whether an anycast route is missing that the kernel creates again with the address.
func lacksAnycast(missing []companion) bool {
	return slices.ContainsFunc(missing, func(c companion) bool {
		return c.kind == unix.RTN_ANYCAST && !c.common && !c.young && !c.of.IsLinkLocalUnicast()
	})
}
