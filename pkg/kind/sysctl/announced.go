package sysctl

import (
	"slices"
	"strings"
)

// announcedNames are the settings of net.FAMILY.conf of which the kernel announces each change (inet_netconf_notify_devconf and
// inet6_netconf_notify_devconf, with their callers in net/ipv4/devinet.c and net/ipv6/addrconf.c).
var announcedNames = map[string][]string{
	"ipv4": {"bc_forwarding", "forwarding", "ignore_routes_with_linkdown", "proxy_arp", "rp_filter"},
	"ipv6": {"forwarding", "ignore_routes_with_linkdown", "proxy_ndp"},
}

// announced reports whether the kernel announces each change of a setting (RTM_NEWNETCONF).
func announced(path string) bool {
	parts := strings.Split(path, "/")
	if path == "net/ipv4/ip_forward" {
		return true
	}
	return len(parts) == 5 && parts[2] == "conf" && slices.Contains(announcedNames[parts[1]], parts[4])
}
