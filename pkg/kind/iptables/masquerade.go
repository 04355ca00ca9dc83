package iptables

import (
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// masquerade is an entry of masquerade: what leaves takes the address of the interface that it leaves by.
type masquerade struct {
	From   network `yaml:"source" absent:"any" doc:"where the packet comes from"`
	To     network `yaml:"destination" absent:"any" doc:"where it goes to"`
	Out    device  `yaml:"out" absent:"any" doc:"the interface by which it leaves"`
	Source spec.Source
}

func (m masquerade) compile(c *spec.Context, f family, rules chains) {
	if m.From == (network{}) && m.To == (network{}) && m.Out == "" {
		c.Reject(m.Source, "say what to masquerade: source, destination or out")
		return
	}
	var match []string
	match = append(match, m.From.match(c, f, "-s")...)
	match = append(match, m.To.match(c, f, "-d")...)
	match = append(match, m.Out.match("-o")...)
	rules.add(m.Source, "nat", "POSTROUTING", newRule(match, "-j", "MASQUERADE"))
}

// network is an address or a network: 172.17.0.0/16.
type network struct {
	prefix netip.Prefix
	src    spec.Source
}

// DecodeNode implements spec.NodeDecoder.
func (w *network) DecodeNode(c *spec.Context, n *yaml.Node) error {
	w.src = c.At(n).Source()
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		w.prefix = netip.PrefixFrom(ip, ip.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return fmt.Errorf("expected an address or a network such as 172.17.0.0/16, found %q", text)
	}
	w.prefix = p.Masked()
	return nil
}

// Syntax implements spec.Described.
func (network) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "network",
		Doc:     "An address or a network of the address family of the key: `172.17.0.0/16` in iptables, `fd00::/8` in ip6tables.",
		Pattern: "^" + spec.CIDRPattern + "$",
	}
}

// match are the arguments that iptables prints for the network under an option; for all addresses it prints none.
func (w network) match(c *spec.Context, f family, option string) []string {
	if !w.prefix.IsValid() {
		return nil
	}
	if w.prefix.Addr().BitLen() != f.bits {
		c.Reject(w.src, "%s is not of the address family of %s", w.prefix, f.name)
		return nil
	}
	if w.prefix.Bits() == 0 {
		return nil
	}
	return []string{option, w.prefix.String()}
}

// device is an interface's name, or all but that: "!docker0".
type device string

// DecodeNode implements spec.NodeDecoder.
func (d *device) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	*d = device(text)
	return spec.CheckIfName(strings.TrimPrefix(text, "!"))
}

// Syntax implements spec.Described.
func (device) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "interface match",
		Doc:     "An [interface name](#interface-name), or `\"!NAME\"` for all but that one.",
		Pattern: "^!?" + spec.IfNamePattern + "$",
	}
}

// match are the arguments that iptables prints for the device under an option.
func (d device) match(option string) []string {
	name, not := strings.CutPrefix(string(d), "!")
	switch {
	case name == "":
		return nil
	case not:
		return []string{"!", option, name}
	}
	return []string{option, name}
}
