package address

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Two interfaces in one subnet give the namespace two routes to it. The kernel uses one of them, no matter which interface a
// neighbour is behind. This also happens to an interface of linkd's in a container that its engine connects to the same subnet.

// neighbouring is an address on another interface, in the same subnet as an observed address.
type neighbouring struct {
	dev    string
	prefix netip.Prefix
}

// sharing has the subnets with which to compare addresses of a namespace.
type sharing struct {
	vrf, metric uint32
	subnet      netip.Prefix
}

// noteShared notes which of linkd's addresses share a subnet with a foreign address on another interface.
func noteShared(found []*Address, links func(index int) *observe.Link, at map[*Address]place) {
	lengths := map[int]bool{}
	others := map[sharing]*Address{}
	for _, a := range found {
		if subnet, vrf, connects := connected(a, links); connects && !(kind{}).Owned(a) {
			key := sharing{vrf, spec.ValueOr(a.Metric, 0), subnet}
			if others[key] == nil {
				lengths[subnet.Bits()], others[key] = true, a
			}
		}
	}
	if len(others) == 0 {
		return
	}
	for _, a := range found {
		subnet, vrf, connects := connected(a, links)
		if !connects || !(kind{}).Owned(a) {
			continue
		}
		for bits := range lengths {
			// A subnet with a shorter prefix contains this one.
			wider, err := subnet.Addr().Prefix(bits)
			if err != nil || bits > subnet.Bits() {
				continue
			}
			other := others[sharing{vrf, spec.ValueOr(a.Metric, 0), wider}]
			if other != nil && other.index != a.index {
				p := at[a]
				p.shared = neighbouring{other.Dev, other.Prefix}
				at[a] = p
			}
		}
	}
}

// connected returns the subnet to which the kernel creates a route with an address. connects is false if it creates none that leads
// to other hosts.
func connected(a *Address, links func(index int) *observe.Link) (subnet netip.Prefix, vrf uint32, connects bool) {
	ip := a.Prefix.Addr()
	if a.Prefix.IsSingleIP() || a.Peer != nil || ip.IsLinkLocalUnicast() || spec.ValueOr(a.NoPrefixRoute, false) ||
		a.device&unix.IFF_UP == 0 || a.device&unix.IFF_LOOPBACK != 0 {
		return subnet, 0, false
	}
	return a.Prefix.Masked(), vrfOf(links, a.index), true
}

// remark describes what an address shares with another interface.
func (n neighbouring) remark(a *Address) string {
	if n.dev == "" {
		return ""
	}
	return fmt.Sprintf("%s has %s, in the same subnet as this one, and linkd did not add it: the kernel sends to a neighbour of %s by one of the two interfaces only",
		n.dev, n.prefix, a.Dev)
}

// leadsElsewhere reports whether packets into the subnet of a new IPv4 address leave by an interface other than the one with that
// index, because of foreign routes.
func leadsElsewhere(ns *observe.NS, a *Address, index int) (bool, error) {
	ip := a.Prefix.Masked().Addr().Next()
	if a.Prefix.IsSingleIP() || a.Peer != nil {
		return false, nil
	}
	if ip == a.Prefix.Addr() {
		ip = ip.Next()
	}
	route, err := routeTo(ns, ip, unix.RTM_F_FIB_MATCH)
	if route == nil {
		return false, err
	}
	attrs, err := observe.Attrs(route[unix.SizeofRtMsg:])
	to, has := netip.AddrFromSlice(attrs[unix.RTA_DST])
	return has && a.Prefix.Masked().Contains(to) && int(observe.Number(attrs[unix.RTA_OIF])) != index, err
}

// Shared returns linkd's addresses in a namespace that share a subnet with another interface, with a description.
func Shared(ctx context.Context, ns *observe.NS) (map[spec.ID]string, error) {
	links, err := ns.Links(ctx)
	if err != nil {
		return nil, err
	}
	found, err := list(ns, unix.AF_UNSPEC, 0, links.ByIndex, reconcile.Query[*Address]{})
	shared := map[spec.ID]string{}
	for _, a := range found {
		if remark := a.shared.remark(a); remark != "" {
			shared[a.ID()] = remark
		}
	}
	return shared, err
}
