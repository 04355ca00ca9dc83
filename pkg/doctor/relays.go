package doctor

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/link"
	"linkd/pkg/kind/port"
	"linkd/pkg/kind/route"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// relay is an interface from which a namespace must forward packets, because a resource of the files needs that.
type relay struct {
	place
	dev  string
	asks spec.Resource
	// anywhere: the packets may go anywhere, along a default route.
	anywhere bool
}

// held has the addresses of each interface, with their subnets, by namespace.
type held map[string]map[string][]netip.Prefix

// held returns the existing and the declared addresses.
func (m *Machine) held(ctx context.Context) (held, error) {
	found := held{}
	open, err := m.namespaces()
	if err != nil {
		return nil, err
	}
	for name, ns := range open {
		there, err := address.On(ctx, ns)
		if err != nil {
			return nil, err
		}
		found[name] = there
	}
	for _, r := range m.Desired.Resources.All() {
		if a, is := r.(*address.Address); is && found[a.NS] != nil {
			found[a.NS][a.Dev] = append(found[a.NS][a.Dev], a.Prefix)
		}
	}
	return found, nil
}

// relays returns the interfaces with a gateway that a declared route uses, and those of a network that the files masquerade.
func relays(files *spec.Desired, held held) (relays []relay) {
	add := func(r relay) {
		if !slices.ContainsFunc(relays, func(other relay) bool { return other.place == r.place && other.dev == r.dev }) {
			relays = append(relays, r)
		}
	}
	for _, family := range families {
		for ns, devs := range held {
			for _, c := range chainsOf(files, place{ns, family}) {
				for _, network := range c.Masqueraded() {
					for dev, addresses := range devs {
						inside := slices.ContainsFunc(addresses, func(a netip.Prefix) bool { return network.Contains(a.Addr()) && !a.IsSingleIP() })
						if inside && wired(files, ns, dev) {
							add(relay{place{ns, family}, dev, c, true})
						}
					}
				}
			}
		}
	}
	for _, r := range files.Resources.All() {
		rt, is := r.(*route.Route)
		if !is || !rt.Via.IsValid() {
			continue
		}
		if ns, dev := gateway(files, rt); dev != "" && slices.ContainsFunc(held[ns][dev], func(a netip.Prefix) bool { return a.Addr() == rt.Via }) {
			add(relay{place{ns, familyOf(rt.To.Addr())}, dev, rt, rt.To.Bits() == 0})
		}
	}
	slices.SortFunc(relays, func(a, b relay) int { return strings.Compare(a.ns+" "+a.dev+" "+a.family, b.ns+" "+b.dev+" "+b.family) })
	return relays
}

// wired reports whether other namespaces are behind an interface, according to the files. Without this condition, an uplink in the
// same network would count.
func wired(files *spec.Desired, ns, dev string) bool {
	l, is := files.Resources.Get(spec.LinkID(ns, dev)).(*link.Link)
	return slices.Contains(bridgesIn(files, ns), dev) || is && l.Peer != nil
}

// gateway returns the interface at the other end of the veth through which a route leads, or the bridge of which that end is a
// port; "" if the files declare no veth there.
func gateway(files *spec.Desired, rt *route.Route) (ns, dev string) {
	if dev = rt.Dev; dev == "" {
		dev = address.Beside(files.Resources, rt.NS, rt.Via)
	}
	l, is := files.Resources.Get(spec.LinkID(rt.NS, dev)).(*link.Link)
	if !is || l.Peer == nil {
		return "", ""
	}
	if p, is := files.Resources.Get(spec.ID{NS: l.Peer.NS, Kind: "port", Key: l.Peer.Name}).(*port.Port); is && p.MasterID().Key != "" {
		return l.Peer.NS, p.MasterID().Key
	}
	return l.Peer.NS, l.Peer.Name
}

// relays returns the relays in existing namespaces.
func (m *Machine) relays(ctx context.Context) (map[*observe.NS][]relay, error) {
	held, err := m.held(ctx)
	if err != nil {
		return nil, err
	}
	open, err := m.namespaces()
	if err != nil {
		return nil, err
	}
	in := map[*observe.NS][]relay{}
	for _, r := range relays(m.Desired, held) {
		in[open[r.ns]] = append(in[open[r.ns]], r)
	}
	if len(in) == 0 {
		return nil, needless("the files need no forwarding")
	}
	return in, nil
}
