package neighbour

import (
	"fmt"
	"net/netip"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

const keyName = "neighbours"

// Key returns the key neighbours of an end.
func Key() spec.Key {
	return spec.NewKey(keyName, "entries of the interface's neighbour table (ARP, NDP): the MAC address of a neighbour, or an address for which the interface answers",
		func(c *spec.Context, entries []entry) {
			for _, e := range entries {
				c.Add(&Neighbour{
					NS: c.NS, Dev: c.Device, To: netip.Addr(e.To), MAC: string(e.MAC), Proxy: e.Proxy, Adopt: c.Adopt, Source: e.Source,
				})
			}
		}).Called("neighbors", "neighbor", "neigh", "arp", "neighbour")
}

// entry is a neighbour in YAML.
type entry struct {
	To     neighbourIP `yaml:"to" also:"address ip dst" required:"true" doc:"the neighbour's IP address"`
	MAC    spec.AnyMAC `yaml:"mac" also:"lladdr macaddress" doc:"its link-layer address"`
	Proxy  bool        `yaml:"proxy" default:"false" doc:"answer for the address on behalf of its owner (proxy ARP)"`
	Source spec.Source
}

func (e *entry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	if !c.DecodeMapping(n, e) {
		return nil
	}
	to := netip.Addr(e.To)
	switch {
	case e.MAC == spec.ZeroMAC:
		return fmt.Errorf("%s: no neighbour has the zero address", to)
	case e.Proxy && e.MAC != "":
		return fmt.Errorf("%s: a proxy entry has no mac: the device answers with its own", to)
	case !e.Proxy && e.MAC == "":
		return fmt.Errorf(`%s: "mac" is missing, or proxy: true`, to)
	}
	return nil
}

// neighbourIP is a unicast address.
type neighbourIP netip.Addr

func (ip *neighbourIP) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var to address.IP
	if !c.Decode(n, &to) {
		return nil
	}
	*ip = neighbourIP(to)
	return address.CheckOfOne(netip.Addr(to), "no neighbour has it")
}

func (ip neighbourIP) String() string { return netip.Addr(ip).String() }

func (neighbourIP) Syntax() spec.Syntax { return address.IP{}.Syntax() }
