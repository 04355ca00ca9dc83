package fdb

import (
	"fmt"
	"net/netip"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

// Key returns the key fdb of an end.
func Key() spec.Key {
	return spec.NewKey(kindName, "static entries of a forwarding database: for a port, that of its bridge; for a vxlan, its own",
		func(c *spec.Context, entries []entry) {
			for _, e := range entries {
				made := &Entry{
					NS: c.NS, Dev: c.Device, MAC: string(e.MAC), VLAN: spec.ValueOr(e.VLAN, 0), Dst: netip.Addr(spec.ValueOr(e.Dst, host{})),
					Adopt: c.Adopt, Source: e.Source,
				}
				c.Add(made)
				c.Later(func() { made.check(c.At(e.node)) })
			}
		})
}

// check checks an entry against links that another file may declare: the hosts of a VXLAN have one address family, and a bridge
// has a MAC address behind one port only.
func (e *Entry) check(c *spec.Context) {
	if e.Dst.IsValid() {
		vxlan, is := c.Declared(spec.LinkID(e.NS, e.Dev)).(interface{ OverIPv6() (is6, known bool) })
		if !is {
			return
		}
		if is6, known := vxlan.OverIPv6(); known && is6 != e.Dst.Is6() {
			c.Reject(c.Source(), "%s: %s is of another address family than the hosts of %s (local, group, remotes)", e.MAC, e.Dst, e.Dev)
		}
		return
	}
	port, is := c.Declared(e.portID()).(interface{ MasterID() spec.ID })
	if !is || port.MasterID().Key == "" {
		return
	}
	vlan := ""
	if e.VLAN != 0 {
		vlan = fmt.Sprint(vlanWord, e.VLAN)
	}
	c.Claim(fmt.Sprintf("%s%s in %s", e.MAC, vlan, port.MasterID()))
}

// AddRemote adds the entry by which the VXLAN of the context sends broadcast, multicast and unknown unicast frames to a host, or
// through an interface to a multicast group.
func AddRemote(c *spec.Context, dst netip.Addr, via string, source spec.Source) {
	c.Add(&Entry{NS: c.NS, Dev: c.Device, MAC: spec.ZeroMAC, Dst: dst, Via: via, Adopt: c.Adopt, Source: source})
}

// entry is an entry in YAML.
type entry struct {
	MAC    spec.AnyMAC `yaml:"mac" required:"true" doc:"the MAC address of the destination"`
	Dst    *host       `yaml:"dst" doc:"the host to which a vxlan sends the frames"`
	VLAN   *int        `yaml:"vlan" min:"1" max:"4094" absent:"every VLAN of the port" doc:"the VLAN, in a bridge with vlan_filtering"`
	Source spec.Source

	node *yaml.Node
}

func (e *entry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	e.node = n
	if !c.DecodeMapping(n, e) {
		return nil
	}
	switch made := (&Entry{MAC: string(e.MAC)}); {
	case e.Dst != nil && c.Kind != "" && c.Kind != vxlanKind:
		return fmt.Errorf("%s: %s is a %s, and only the entries of a vxlan have dst", e.MAC, c.Device, c.Kind)
	case e.Dst != nil && e.VLAN != nil:
		return fmt.Errorf("%s: the entry of a VXLAN has no vlan", e.MAC)
	case e.Dst == nil && e.MAC == spec.ZeroMAC:
		return fmt.Errorf("%s stands for what a VXLAN does not know: dst is missing", e.MAC)
	case e.Dst == nil && made.toSeveral():
		return fmt.Errorf("%s is a multicast address: a bridge has it on no one port", e.MAC)
	}
	return nil
}

// host is the address of one host.
type host netip.Addr

func (h *host) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var ip address.IP
	if !c.Decode(n, &ip) {
		return nil
	}
	*h = host(ip)
	return CheckHost(netip.Addr(ip))
}

func (h host) String() string { return netip.Addr(h).String() }

func (host) Syntax() spec.Syntax { return address.IP{}.Syntax() }

// CheckHost returns an error if a VXLAN cannot send to an address.
func CheckHost(ip netip.Addr) error {
	if ip.IsMulticast() {
		return address.CheckOfOne(ip, "a VXLAN sends to one by its group")
	}
	return address.CheckOfOne(ip, "no host has it")
}
