package address

import (
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// forwarders says which interfaces of a namespace forward IPv6 packets. It asks the kernel once for each.
type forwarders struct {
	ns    *observe.NS
	known map[int]bool
}

func (f forwarders) has(index int) (forwards bool, err error) {
	forwards, asked := f.known[index]
	if !asked {
		if forwards, err = f.ns.InterfaceForwards(unix.AF_INET6, index); err == nil {
			f.known[index] = forwards
		}
	}
	return forwards, err
}

// noteAnycast adds the anycast routes of IPv6 addresses to the routes that are looked for; missing has the others by address, and
// found all addresses. The kernel creates such a route with the first address of a subnet that joins the anycast group, and deletes
// it with the last (__ipv6_dev_ac_inc in net/ipv6/anycast.c), and no request creates one that the kernel would delete. So linkd can
// restore it only with an address that has the group for itself.
func noteAnycast(router forwarders, found []*Address, links func(index int) *observe.Link, missing map[*Address][]companion, wanted map[companion]bool) error {
	groups := map[*Address]companion{}
	members := map[companion]int{}
	for a := range missing {
		c, has := a.anycast(vrfOf(links, a.index))
		if !has {
			continue
		}
		forwards, err := router.has(a.index)
		if err != nil {
			return err
		}
		if forwards {
			groups[a], members[c.place()] = c, 0
		}
	}
	if len(groups) == 0 {
		return nil
	}
	for _, a := range found {
		c, _ := a.anycast(vrfOf(links, a.index))
		if _, asked := members[c.place()]; asked {
			members[c.place()]++
		}
	}
	for a, c := range groups {
		young, err := a.isYoung()
		if err != nil {
			return err
		}
		wanted[c.place()] = true
		c.common, c.young = members[c.place()] > 1, young
		missing[a] = append(missing[a], c)
	}
	return nil
}
