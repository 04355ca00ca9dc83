package iptables

import (
	"fmt"
	"net/netip"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// network is an address or a network: 172.17.0.0/16.
type network struct {
	prefix netip.Prefix
	src    spec.Source
}

// DecodeNode decodes an address or a network.
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

func (network) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "network",
		Doc:     "An address or a network of the address family of the key: `172.17.0.0/16` in iptables, `fd00::/8` in ip6tables.",
		Pattern: "^" + spec.CIDRPattern + "$",
	}
}

// String omits the prefix length of a single address.
func (w network) String() string {
	if w.prefix.IsSingleIP() {
		return w.prefix.Addr().String()
	}
	return w.prefix.String()
}

// isIn reports an error if the network is of the other address family.
func (w network) isIn(c *spec.Context, f family) bool {
	if w.prefix.IsValid() && w.prefix.Addr().BitLen() != f.bits {
		c.Reject(w.src, "%s is not of the address family of %s", w, f.name)
		return false
	}
	return true
}

// match returns the arguments that iptables prints for the network with an option; none for all addresses.
func (w network) match(option string) []string {
	if !w.prefix.IsValid() || w.prefix.Bits() == 0 {
		return nil
	}
	return []string{option, w.prefix.String()}
}

// tracked returns the arguments for the network as an end of a tracked connection, for which iptables prints a host without its
// length.
func (w network) tracked(option string) []string {
	if w.match(option) == nil {
		return nil
	}
	return []string{option, w.String()}
}

// device is an interface's name, or all others: "!docker0".
type device string

// DecodeNode decodes a name, or ! and a name.
func (d *device) DecodeNode(c *spec.Context, n *yaml.Node) error {
	var text string
	if !c.Decode(n, &text) {
		return nil
	}
	*d = device(text)
	name := strings.TrimPrefix(text, "!")
	if name == "+" {
		return fmt.Errorf("%q is every interface: leave the key out", name)
	}
	if err := spec.CheckIfName(name); err != nil {
		return err
	}
	if !strings.HasPrefix(text, "!") && !strings.HasSuffix(name, "+") {
		c.WarnAbsent(n, name, "the rule applies to no packet until there is one")
	}
	return nil
}

func (device) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "interface match",
		Doc:     "An [interface name](#interface-name), or `\"!NAME\"` for all but that one. `+` at the end stands for anything.",
		Pattern: "^!?" + spec.IfNamePattern + "$",
	}
}

// match returns the arguments that iptables prints for the device with an option.
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
