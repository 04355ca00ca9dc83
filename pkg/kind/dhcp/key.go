// Package dhcp decodes the key dhcp of an end. What a server gave becomes addresses and routes like those of the files.
package dhcp

import (
	"errors"
	"regexp"

	"gopkg.in/yaml.v3"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/route"
	"linkd/pkg/spec"
)

// Key returns the key dhcp of an end.
func Key() spec.Key {
	return spec.NewKey("dhcp", "get an IPv4 address from a DHCP server (RFC 2131)", declare).Called("dhcp4", "dhcpv4", "dhcp-client")
}

// settings are the keys of dhcp. on is false for dhcp: false.
type settings struct {
	Metric   *uint32  `yaml:"metric" also:"route-metric" absent:"that of the kernel" doc:"the metric of the routes of the lease"`
	Hostname hostname `yaml:"hostname" also:"host-name" doc:"the name that linkd tells the server"`
	Routes   *bool    `yaml:"routes" also:"use-routes" default:"true" doc:"configure the routes of the lease, including the default route"`
	Source   spec.Source

	on bool
}

// DecodeNode accepts a mapping, or true or false alone.
func (s *settings) DecodeNode(c *spec.Context, n *yaml.Node) error {
	s.Source = c.At(n).Source()
	if n.Kind == yaml.ScalarNode {
		c.Decode(n, &s.on)
		return nil
	}
	s.on = true
	c.DecodeMapping(n, s)
	return nil
}

// Syntax is that of true or false alone.
func (settings) Syntax() spec.Syntax { return spec.Syntax{Bool: true} }

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

// declare declares the client, with the address and the routes of its lease.
func declare(c *spec.Context, s settings) {
	if !s.on {
		return
	}
	c.Claim("the DHCP client of " + c.NS + "/link/" + c.Device)
	lease, lacks := c.Lease(spec.LeaseOptions{Hostname: string(s.Hostname), Source: s.Source})
	c.WhenGiven(func() {
		if lease != nil {
			lacks = use(c, s, lease)
		}
		if lacks != "" {
			address.Await(c, "dhcp", lacks, s.Source)
		}
	})
}

// use declares the address and the routes of a lease, and returns why it cannot use it. A server must not take from the files what
// they give to others, and must not make them invalid.
func use(c *spec.Context, s settings, lease *spec.Lease) (lacks string) {
	ip := lease.Prefix.Addr()
	if why := c.Taken(ip); why != "" {
		return "linkd does not use the lease for " + ip.String() + ": " + why
	}
	if !address.Lease(c, lease, s.Source) {
		return "linkd does not use the lease for " + ip.String() + ": the interface has that address already"
	}
	if spec.ValueOr(s.Routes, true) {
		for _, r := range lease.Routes {
			route.Lease(c, r, s.Metric, s.Source)
		}
	}
	return ""
}
