package sysctl

import (
	"slices"
	"strings"

	"linkd/pkg/kind/link"
	"linkd/pkg/spec"
)

// order makes linkd write the setting before the resources that it affects. Call it after all files were read.
//
// A new interface gets the settings of conf/default (inetdev_init in net/ipv4/devinet.c, ipv6_add_dev in
// net/ipv6/addrconf.c), so these come before it. IPv6 reads most of an interface's own settings when the interface comes up
// (addrconf_notify), and arp_notify takes effect then (inetdev_event). When forwarding is enabled, the kernel deletes the default
// routes that it learned from router advertisements, unless accept_ra is 2 before (rt6_purge_dflt_routers in net/ipv6/route.c).
func (s Sysctl) order(c *spec.Context) {
	parts := strings.Split(s.Path, "/")
	switch {
	case s.Dev != "" && (parts[1] == "ipv6" && parts[2] == "conf" || parts[4] == "arp_notify"):
		if l, is := c.Declared(spec.LinkID(s.NS, s.Dev)).(*link.Link); is {
			l.SetUpAfter(s.ID())
		}
	case len(parts) == 5 && parts[3] == "default":
		for _, r := range c.All().In(s.NS, "link") {
			r.(*link.Link).MakeAfter(s.ID())
		}
	}
	if s.acceptRA != nil {
		s.forwardAfter(c)
	}
	if s.overwritten != nil {
		for _, path := range overwriters(s.Path) {
			if id := (Sysctl{NS: s.NS, Path: path}).ID(); c.Declared(id) != nil {
				*s.overwritten = append(*s.overwritten, id)
			}
		}
	}
}

// overwriters returns the settings of all interfaces whose writing sets a setting of one, by the path of that. Measured with
// every setting of Linux 6.18; the other settings of conf/all count beside those of an interface.
//
// The kernel announces what most of these do, with a message for each interface (see announced), and linkd watches the files of
// the others.
//
// A write to a setting of ipv4/conf/default sets those of the interfaces on which nobody has set it yet
// (devinet_copy_dflt_conf in net/ipv4/devinet.c): if it takes place in the same plan, the look after it shows that.
func overwriters(path string) []string {
	parts := strings.Split(path, "/")
	name := parts[len(parts)-1]
	switch family := parts[1]; {
	case family == "ipv4" && name == "forwarding":
		// inet_forward_change in net/ipv4/devinet.c.
		return []string{"net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding"}
	case family == "ipv6" && slices.Contains([]string{"addr_gen_mode", "disable_ipv6", "force_forwarding", "forwarding", "ignore_routes_with_linkdown"}, name):
		// The handlers addrconf_sysctl_* and addrconf_disable_ipv6 in net/ipv6/addrconf.c.
		all := []string{"net/ipv6/conf/all/" + name}
		if name == "addr_gen_mode" {
			// addrconf_sysctl_stable_secret.
			all = append(all, "net/ipv6/conf/default/stable_secret", "net/ipv6/conf/"+parts[3]+"/stable_secret")
		}
		return all
	}
	return nil
}

// forwardAfter makes linkd write the setting, which enables forwarding of IPv6, after the declared settings accept_ra.
func (s Sysctl) forwardAfter(c *spec.Context) {
	if s.Dev != "" {
		own := Sysctl{NS: s.NS, Path: "net/ipv6/conf/" + s.Dev + "/accept_ra"}.ID()
		if c.Declared(own) != nil {
			*s.acceptRA = []spec.ID{own}
		}
		return
	}
	decided := false
	for _, r := range c.All().In(s.NS, kindName) {
		if other := r.(Sysctl); strings.HasPrefix(other.Path, "net/ipv6/conf/") && strings.HasSuffix(other.Path, "/accept_ra") {
			*s.acceptRA = append(*s.acceptRA, other.ID())
			decided = decided || other.Dev != ""
		}
	}
	if !decided && !s.inOwnNamespace(c) {
		c.Warn(s.Source, "with %s the kernel deletes the default routes that it learned from router advertisements in %s: "+
			"declare the sysctl ipv6.accept_ra on the interface that has such a route, 2 to keep it and 0 to do without", s.ID().Key, s.NS)
	}
}

// inOwnNamespace reports whether linkd creates the namespace of the setting. Then the namespace has no routes that the setting
// could delete.
func (s Sysctl) inOwnNamespace(c *spec.Context) bool {
	maker := c.Declared(spec.ID{NS: spec.Host, Kind: "netns", Key: s.NS})
	return maker != nil && maker.Relations().Makes == s.NS
}
