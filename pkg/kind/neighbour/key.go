package neighbour

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

// Key is the key neighbours of an end.
func Key() spec.Key {
	return spec.NewKey("neighbours", "entries of the device's neighbour table: {to: 10.0.0.9, mac: 02:00:00:00:00:09}, or {to: 10.0.0.9, proxy: true}",
		func(c *spec.Context, entries []entry) {
			for _, e := range entries {
				c.Add(&Neighbour{
					NS: c.NS, Dev: c.Device, To: netip.Addr(e.To), MAC: string(e.MAC), Proxy: e.Proxy, Adopt: c.Adopt, Source: e.Source,
				})
			}
		})
}

// entry is a neighbour in YAML.
type entry struct {
	To     neighbourIP `yaml:"to" required:"true" doc:"the neighbour's IP address"`
	MAC    hardware    `yaml:"mac" doc:"its link-layer address; the entry is permanent"`
	Proxy  bool        `yaml:"proxy" doc:"the device answers for the address itself, for a neighbour that is reached by way of another device: IPv4 needs forwarding for that (sysctl ipv4.forwarding), IPv6 forwarding and ipv6.proxy_ndp"`
	Source spec.Source
}

// DecodeNode implements spec.NodeDecoder.
func (e *entry) DecodeNode(c *spec.Context, n *yaml.Node) error {
	type mapping entry
	if !c.Decode(n, (*mapping)(e)) {
		return nil
	}
	to := netip.Addr(e.To)
	switch {
	case e.Proxy && e.MAC != "":
		return fmt.Errorf("%s: a proxy entry has no mac: the device answers with its own", to)
	case !e.Proxy && e.MAC == "":
		return fmt.Errorf(`%s: "mac" is missing, or proxy: true`, to)
	}
	return nil
}

// neighbourIP is an address that one host has.
type neighbourIP netip.Addr

// DecodeNode implements spec.NodeDecoder.
func (ip *neighbourIP) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var to address.IP
	if !c.Decode(n, &to) {
		return nil
	}
	*ip = neighbourIP(to)
	switch to := netip.Addr(to); {
	case to.IsUnspecified():
		return fmt.Errorf("%s is the unspecified address: no neighbour has it", to)
	case to.IsMulticast():
		return fmt.Errorf("%s is a multicast address: no neighbour has it", to)
	case to == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is the broadcast address: no neighbour has it", to)
	}
	return nil
}

// hardware is the link-layer address of a neighbour. It may be a multicast one: a cluster's hosts share those.
type hardware string

// DecodeNode implements spec.NodeDecoder.
func (h *hardware) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	mac, err := net.ParseMAC(text)
	switch {
	case err != nil || len(mac) != 6:
		return fmt.Errorf("expected a MAC address, found %q", text)
	case mac.String() == "00:00:00:00:00:00":
		return errors.New("no neighbour has the zero address")
	}
	*h = hardware(mac.String())
	return nil
}
