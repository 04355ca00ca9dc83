package sysctl

import (
	"slices"
	"strings"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

// warn reports a setting that no kernel has, and one with which the kernel has no IPv6 addresses that the files declare. It is
// called when all files are read.
func (s Sysctl) warn(c *spec.Context) {
	if unknown, others := isUnknown(s.Path); unknown {
		_, name := group(s.Path)
		c.Warn(s.Source, "linkd knows no sysctl %s of the Linux kernel%s", s.ID().Key, c.DidYouMean(name, slices.Values(others)))
	}
	if s.Value == "1" && strings.HasPrefix(s.Path, "net/ipv6/conf/") && strings.HasSuffix(s.Path, "/disable_ipv6") {
		s.warnOfIPv6(c)
	}
}

// warnOfIPv6 reports the declared IPv6 addresses that the setting disable_ipv6 takes away (addrconf_disable_ipv6 in
// net/ipv6/addrconf.c). A value that an interface has of its own counts more, as does the order of writing: then nothing is said.
func (s Sysctl) warnOfIPv6(c *spec.Context) {
	for dev, a := range address.FirstIPv6(c.All(), s.NS) {
		own := Sysctl{NS: s.NS, Path: "net/ipv6/conf/" + dev + "/disable_ipv6"}.ID()
		switch declared := c.Declared(own); {
		case s.Dev == dev:
		case s.Dev != "" || declared != nil:
			continue
		case strings.Contains(s.Path, "/default/") && isFound(c, spec.LinkID(s.NS, dev)):
			// The interface may have been there before the setting.
			continue
		}
		c.Warn(s.Source, "with %s the kernel has no IPv6 on %s, and %s is declared there (%s)", s.ID().Key, dev, a.Prefix, a.Source)
		return
	}
}

// isFound reports whether linkd finds an interface, and does not make it.
func isFound(c *spec.Context, id spec.ID) bool {
	l := c.Declared(id)
	return l == nil || l.Relations().OnlyFound
}
