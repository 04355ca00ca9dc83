// Package dhcp decodes the keys dhcp and dhcp6 of an end. What a server gave becomes addresses and routes like those of the files.
package dhcp

import (
	"errors"
	"regexp"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/etcfile"
	"linkd/pkg/kind/route"
	"linkd/pkg/spec"
)

// Keys returns the keys dhcp and dhcp6 of an end.
func Keys() []spec.Key {
	return []spec.Key{
		spec.NewKey(spec.LeaseKey(false), "get an IPv4 address from a DHCP server (RFC 2131)", func(c *spec.Context, s settings) {
			declare(c, s.common, request{protocol: "DHCP", metric: s.Metric, routes: spec.ValueOr(s.Routes, true)})
		}).Called("dhcp4", "dhcpv4", "dhcp-client"),
		spec.NewKey(spec.LeaseKey(true), "get an IPv6 address from a DHCPv6 server (RFC 8415)", func(c *spec.Context, s settings6) {
			declare(c, s.common, request{protocol: "DHCPv6", ipv6: true})
		}).Called("dhcpv6", "dhcp-client6"),
	}
}

// settings are the keys of dhcp.
type settings struct {
	common
	Metric *uint32 `yaml:"metric" also:"route-metric" absent:"that of the kernel" doc:"the metric of the routes of the lease"`
	Routes *bool   `yaml:"routes" also:"use-routes" default:"true" doc:"configure the routes of the lease, including the default route"`
}

// settings6 are the keys of dhcp6. A DHCPv6 server names no routes: routers announce them (RFC 4861).
type settings6 struct{ common }

// common are the keys of both. on is false for dhcp: false.
type common struct {
	Hostname hostname `yaml:"hostname" also:"host-name" doc:"the name that linkd tells the server"`
	DNS      bool     `yaml:"dns" also:"use-dns" default:"false" doc:"programs in the namespace use the nameservers and search domains of the lease, after those of its key dns"`
	Source   spec.Source

	on bool
}

// DecodeNode accepts a mapping, or true or false alone.
func (s *settings) DecodeNode(c *spec.Context, n *yaml.Node) error { return s.decode(c, n, s) }

// DecodeNode accepts a mapping, or true or false alone.
func (s *settings6) DecodeNode(c *spec.Context, n *yaml.Node) error { return s.decode(c, n, s) }

func (s *common) decode(c *spec.Context, n *yaml.Node, whole any) error {
	s.Source = c.At(n).Source()
	if n.Kind == yaml.ScalarNode {
		c.Decode(n, &s.on)
		return nil
	}
	s.on = true
	c.DecodeMapping(n, whole)
	return nil
}

// Syntax is that of true or false alone.
func (common) Syntax() spec.Syntax { return spec.Syntax{Bool: true} }

// hostname is a name without dots or with them (RFC 1123, 2.1).
type hostname string

var hostnamePattern = regexp.MustCompile("^[0-9A-Za-z]([0-9A-Za-z.-]{0,251}[0-9A-Za-z])?$")

// DecodeWord checks the name.
func (h *hostname) DecodeWord(word string) error {
	if !hostnamePattern.MatchString(word) {
		return errors.New("a host name has letters, digits, hyphens and dots, and begins and ends with a letter or digit")
	}
	*h = hostname(word)
	return nil
}

func (hostname) Syntax() spec.Syntax {
	return spec.Syntax{Name: "host name", Doc: "Letters, digits, hyphens and dots: `web-1`.", Pattern: hostnamePattern.String()}
}

// request is what a key asks for, besides what both have in common.
type request struct {
	protocol string
	ipv6     bool
	metric   *uint32
	routes   bool
}

// declare declares the client, with the address and the routes of its lease.
func declare(c *spec.Context, s common, r request) {
	if !s.on {
		return
	}
	c.Claim("the " + r.protocol + " client of " + c.NS + "/link/" + c.Device)
	lease, lacks := c.Lease(r.ipv6, spec.LeaseOptions{Hostname: string(s.Hostname), Source: s.Source})
	c.WhenGiven(func() {
		if lease != nil {
			if lacks = use(c, s, r, lease); lacks != "" {
				lease = nil
			}
		}
		if lacks != "" {
			address.Await(c, spec.LeaseKey(r.ipv6), lacks, s.Source)
		}
		if s.DNS {
			etcfile.Lease(c, lease, s.Source)
		}
	})
}

// use declares the address and the routes of a lease, and returns why it cannot use it. A server must not take from the files what
// they give to others, and must not make them invalid.
func use(c *spec.Context, s common, r request, lease *spec.Lease) (lacks string) {
	ip := lease.Prefix.Addr()
	if why := c.Taken(ip); why != "" {
		return "linkd does not use the lease for " + ip.String() + ": " + why
	}
	if !address.Lease(c, lease, s.Source) {
		return "linkd does not use the lease for " + ip.String() + ": the interface has that address already"
	}
	if r.routes {
		for _, to := range lease.Routes {
			route.Lease(c, to, r.metric, s.Source)
		}
	}
	return ""
}
