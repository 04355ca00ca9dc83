package link

import "github.com/vishvananda/netlink/nl"

var (
	ipip   = tunnel("ipip", "a tunnel over IPv4 for IPv4 packets (ip-link(8), ipip)", tunnelType{attrs: ipAttrs}, func() tunnelled { return &ipipOptions{} })
	sit    = tunnel("sit", "a tunnel over IPv4 for IPv6 packets (ip-link(8), sit)", tunnelType{attrs: ipAttrs, limited: true}, func() tunnelled { return &sitOptions{} })
	ip6tnl = tunnel("ip6tnl", "a tunnel over IPv6 for IPv4 or IPv6 packets (ip-link(8), ip6tnl)", tunnelType{attrs: ipAttrs, v6: true},
		func() tunnelled { return &ip6tnlOptions{} })
)

// The protocols inside are IPPROTO_* in linux/in.h. The kernel keeps the one with which a tunnel over IPv4 was made
// (ip_tunnel_update in net/ipv4/ip_tunnel.c).
func modeOption(value *string, usual string, protocols map[string]int) option {
	return word("mode", nl.IFLA_IPTUN_PROTO, 1, value, protocols).usually(usual).immutable()
}

type ipipOptions struct {
	tunnelEnds
	Mode *string `yaml:"mode" oneof:"ipip mplsip any" doc:"what it carries: IPv4, MPLS, or both; the kernel's default is ipip"`
}

func (o *ipipOptions) options() []option {
	return append(o.tunnelEnds.options(), modeOption(o.Mode, "ipip", map[string]int{"any": 0, "ipip": 4, "mplsip": 137}))
}

type sitOptions struct {
	tunnelEnds
	Mode *string `yaml:"mode" oneof:"ip6ip ipip mplsip any" doc:"what it carries: IPv6, IPv4, MPLS, or all; the kernel's default is ip6ip"`
}

func (o *sitOptions) options() []option {
	return append(o.tunnelEnds.options(), modeOption(o.Mode, "ip6ip", map[string]int{"any": 0, "ip6ip": 41, "ipip": 4, "mplsip": 137}))
}

type ip6tnlOptions struct {
	tunnelEnds6
	Mode *string `yaml:"mode" oneof:"ip6ip6 ipip6 any" doc:"what it carries: IPv6, IPv4, or both; the kernel's default is any"`
}

func (o *ip6tnlOptions) options() []option {
	return append(o.tunnelEnds6.options(), modeOption(o.Mode, "any", map[string]int{"any": 0, "ip6ip6": 41, "ipip6": 4}))
}
