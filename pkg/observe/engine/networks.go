package engine

import (
	"context"
	"net/netip"

	"github.com/moby/moby/client"
)

// Ping returns why what is started by the engine cannot be asked for, as an error of observe.ErrPending; nil where it can.
func (f *Finder) Ping(ctx context.Context) error {
	if f.misused != nil {
		return f.misused
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := f.engine.ping(ctx); err != nil {
		return f.silent(err)
	}
	return nil
}

// Network is a network of Docker's that has a bridge, and what it has allocated of its addresses.
type Network struct {
	Name, Bridge string
	Pools        []Pool
	// Taken is who has an address.
	Taken map[netip.Addr]string
}

// Pool is a subnet from which Docker gives addresses: those in Range, but for those in Aside.
type Pool struct {
	Subnet, Range netip.Prefix
	Aside         []netip.Addr
}

// bridgeName is the option of a network that names its bridge; one without is called after the network's ID
// (https://docs.docker.com/engine/network/drivers/bridge).
const bridgeName = "com.docker.network.bridge.name"

// shortNetworkID is how much of its network's ID is in the name of a bridge.
const shortNetworkID = 12

// Networks asks Docker for its networks with a bridge. An error is that it does not answer.
func (f *Finder) Networks(ctx context.Context) (networks []Network, err error) {
	docker, is := f.engine.(api)
	if f.misused != nil || !is {
		return nil, f.misused
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("driver", "bridge")})
	if err != nil {
		return nil, f.silent(err)
	}
	for _, one := range list.Items {
		answer, err := docker.NetworkInspect(ctx, one.ID, client.NetworkInspectOptions{})
		if err != nil {
			return nil, f.silent(err)
		}
		n := Network{Name: one.Name, Bridge: answer.Network.Options[bridgeName], Taken: map[netip.Addr]string{}}
		if n.Bridge == "" {
			n.Bridge = "br-" + one.ID[:min(shortNetworkID, len(one.ID))]
		}
		for _, c := range answer.Network.IPAM.Config {
			p := Pool{Subnet: c.Subnet, Range: c.IPRange}
			if !p.Range.IsValid() {
				p.Range = c.Subnet
			}
			for _, ip := range c.AuxAddress {
				p.Aside = append(p.Aside, ip)
			}
			n.Pools = append(n.Pools, p)
			if c.Gateway.IsValid() {
				n.Taken[c.Gateway] = "the gateway"
			}
		}
		for _, c := range answer.Network.Containers {
			for _, at := range []netip.Prefix{c.IPv4Address, c.IPv6Address} {
				if at.IsValid() {
					n.Taken[at.Addr()] = "the container " + c.Name
				}
			}
		}
		networks = append(networks, n)
	}
	return networks, nil
}
