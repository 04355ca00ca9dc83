package engine

import (
	"context"
	"net/netip"

	"github.com/moby/moby/client"
)

// Ping returns why the engine does not answer, an observe.ErrPending; nil if it answers.
func (f *Finder) Ping(ctx context.Context) error {
	if f.configErr != nil {
		return f.configErr
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if err := f.engine.ping(ctx); err != nil {
		return f.noAnswer(err)
	}
	return nil
}

// Network is a network of Docker with a bridge, and the addresses in use there.
type Network struct {
	Name, Bridge string
	Pools        []Pool
	// Used has the owner of each address in use, as messages name it.
	Used map[netip.Addr]string
}

// Pool is a subnet in which Docker allocates addresses: those in Range except those in Reserved.
type Pool struct {
	Subnet, Range netip.Prefix
	Reserved      []netip.Addr
}

// bridgeName is the option with the name of a network's bridge. Without it, the name contains the beginning of the network's ID
// (https://docs.docker.com/engine/network/drivers/bridge).
const bridgeName = "com.docker.network.bridge.name"

// shortIDLength is the number of characters of the network's ID in the name of its bridge.
const shortIDLength = 12

// Networks returns Docker's networks with a bridge. It fails if Docker does not answer, and returns nothing for other engines.
func (f *Finder) Networks(ctx context.Context) (networks []Network, err error) {
	docker, is := f.engine.(api)
	if f.configErr != nil || !is {
		return nil, f.configErr
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	list, err := docker.NetworkList(ctx, client.NetworkListOptions{Filters: make(client.Filters).Add("driver", "bridge")})
	if err != nil {
		return nil, f.noAnswer(err)
	}
	for _, one := range list.Items {
		answer, err := docker.NetworkInspect(ctx, one.ID, client.NetworkInspectOptions{})
		if err != nil {
			return nil, f.noAnswer(err)
		}
		n := Network{Name: one.Name, Bridge: answer.Network.Options[bridgeName], Used: map[netip.Addr]string{}}
		if n.Bridge == "" {
			n.Bridge = "br-" + one.ID[:min(shortIDLength, len(one.ID))]
		}
		for _, c := range answer.Network.IPAM.Config {
			p := Pool{Subnet: c.Subnet, Range: c.IPRange}
			if !p.Range.IsValid() {
				p.Range = c.Subnet
			}
			for _, ip := range c.AuxAddress {
				p.Reserved = append(p.Reserved, ip)
			}
			n.Pools = append(n.Pools, p)
			if c.Gateway.IsValid() {
				n.Used[c.Gateway] = "the gateway"
			}
		}
		for _, c := range answer.Network.Containers {
			for _, at := range []netip.Prefix{c.IPv4Address, c.IPv6Address} {
				if at.IsValid() {
					n.Used[at.Addr()] = "the container " + c.Name
				}
			}
		}
		networks = append(networks, n)
	}
	return networks, nil
}
