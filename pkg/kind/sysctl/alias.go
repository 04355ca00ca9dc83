package sysctl

import (
	"strings"

	"linkd/pkg/spec"
)

// aliases are pairs of settings with the same value in the kernel. A * stands for the same part of the path in both.
var aliases = [][2]string{
	// ipv4_devconf_all in net/ipv4/devinet.c: ctl_forward_entry has the data of IPV4_DEVCONF_ALL.
	{"net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding"},
	// nf_ct_netfilter_table in net/netfilter/nf_conntrack_standalone.c.
	{"net/nf_conntrack_max", "net/netfilter/nf_conntrack_max"},
	// neigh_sysctl_template in net/core/neighbour.c: the same number in other units.
	{"net/ipv4/neigh/*/retrans_time", "net/ipv4/neigh/*/retrans_time_ms"},
	{"net/ipv6/neigh/*/retrans_time", "net/ipv6/neigh/*/retrans_time_ms"},
	{"net/ipv4/neigh/*/base_reachable_time", "net/ipv4/neigh/*/base_reachable_time_ms"},
	{"net/ipv6/neigh/*/base_reachable_time", "net/ipv6/neigh/*/base_reachable_time_ms"},
	// ipv4_route_table in net/ipv4/route.c, ipv6_route_table_template in net/ipv6/route.c.
	{"net/ipv4/route/gc_min_interval", "net/ipv4/route/gc_min_interval_ms"},
	{"net/ipv6/route/gc_min_interval", "net/ipv6/route/gc_min_interval_ms"},
}

// aliasOf returns the other path of the same value; "" if there is none.
func aliasOf(path string) string {
	for _, pair := range aliases {
		for i, pattern := range pair {
			before, after, some := strings.Cut(pattern, "*")
			if !some && path == pattern {
				return pair[1-i]
			}
			if word, ok := strings.CutPrefix(path, before); some && ok {
				if word, ok = strings.CutSuffix(word, after); ok && !strings.Contains(word, "/") {
					return strings.Replace(pair[1-i], "*", word, 1)
				}
			}
		}
	}
	return ""
}

// checkAlias reports an error that names both places if the files already declare the value of s under its other name.
func checkAlias(c *spec.Context, s Sysctl) {
	alias := aliasOf(s.Path)
	if alias == "" {
		return
	}
	other := Sysctl{NS: s.NS, Path: alias}.ID()
	if first := c.Declared(other); first != nil {
		c.Conflict(first.Origin(), "%s is the same value of the kernel as %s, declared in %s: keep one of the two", s.ID().Key, other.Key, first.Origin())
	}
}
