package doctor

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/link"
	"linkd/pkg/kind/port"
	"linkd/pkg/observe/engine"
	"linkd/pkg/spec"
)

var dockerAddresses = newCheck("docker-addresses", "Docker does not allocate an address that the files declare",
	"Docker allocates addresses of its networks to containers one after the other. It does not know the addresses that the files\ndeclare on interfaces in the same bridge. Give Docker a range (`fixed-cidr` for `docker0`, `--ip-range` for other networks),\nand it uses no other address of the subnet.",
	func(ctx context.Context, m *Machine) ([]engine.Network, error) {
		foreign := false
		for _, bridge := range bridgesIn(m.Desired, spec.Host) {
			l, is := m.Desired.Resources.Get(spec.LinkID(spec.Host, bridge)).(*link.Link)
			foreign = foreign || !is || l.OnlyFound()
		}
		if !foreign {
			return nil, needless("the files declare no port of a bridge that another program created")
		}
		for _, e := range m.Engines {
			if e.Schemes()[0] == "docker" {
				networks, err := e.Networks(ctx)
				if err == nil {
					err = m.addGateways(ctx, networks)
				}
				return networks, err
			}
		}
		return nil, needless("Docker is not installed")
	}, judgeDockerAddresses)

// addGateways adds the addresses of the bridges: Docker's API does not return those that Docker chose.
func (m *Machine) addGateways(ctx context.Context, networks []engine.Network) error {
	if m.Closed != nil {
		return m.Closed
	}
	there, err := address.On(ctx, m.World.Host())
	for _, n := range networks {
		for _, at := range there[n.Bridge] {
			n.Used[at.Addr()] = "the gateway"
		}
	}
	return err
}

func judgeDockerAddresses(files *spec.Desired, networks []engine.Network) (findings []Finding) {
	for _, r := range files.Resources.All() {
		a, is := r.(*address.Address)
		if !is {
			continue
		}
		bridge := hostBridge(files, a)
		at := slices.IndexFunc(networks, func(n engine.Network) bool { return n.Bridge == bridge })
		if bridge == "" || at < 0 {
			continue
		}
		n, ip := networks[at], a.Prefix.Addr()
		if who, taken := n.Used[ip]; taken {
			findings = append(findings, Finding{
				Level: Error, Text: fmt.Sprintf("%s in %s is already the address of %s of Docker's network %s", ip, a.NS, who, n.Name),
				Advice: "use another address, and keep Docker to a range without that: " + ranged(n, ip),
			}.of(a))
			continue
		}
		for _, p := range n.Pools {
			if p.Range.Contains(ip) && !slices.Contains(p.Reserved, ip) {
				findings = append(findings, Finding{
					Level:  Warning,
					Text:   fmt.Sprintf("%s in %s is in the range from which Docker allocates addresses of its network %s, so a container can get it, too", ip, a.NS, n.Name),
					Advice: "keep Docker to a range without it: " + ranged(n, ip),
				}.of(a))
			}
		}
	}
	return findings
}

// ranged returns how to make Docker allocate addresses from a part of a network only.
func ranged(n engine.Network, ip netip.Addr) string {
	if n.Bridge == "docker0" {
		return "set fixed-cidr in /etc/docker/daemon.json"
	}
	return fmt.Sprintf("make the network with --ip-range, or with --aux-address NAME=%s", ip)
}

// hostBridge returns the bridge in linkd's own namespace that an address is behind, if its interface is one end of a veth and the
// other end is a port of that bridge; otherwise "".
func hostBridge(files *spec.Desired, a *address.Address) string {
	l, is := files.Resources.Get(spec.LinkID(a.NS, a.Dev)).(*link.Link)
	if !is || l.Peer == nil || l.Peer.NS != spec.Host {
		return ""
	}
	p, is := files.Resources.Get(spec.ID{NS: spec.Host, Kind: "port", Key: l.Peer.Name}).(*port.Port)
	if !is {
		return ""
	}
	return p.MasterID().Key
}
