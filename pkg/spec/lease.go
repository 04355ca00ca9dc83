package spec

import (
	"net/netip"
	"time"
)

// LeaseClient is an interface that gets its address from a DHCP server. Its namespace and name identify it, and the version of IP.
type LeaseClient struct {
	NS, Device string
	IPv6       bool
}

// LeaseOptions are what the files say about a DHCP client.
type LeaseOptions struct {
	// Hostname is the name that the client tells the server; "" if none.
	Hostname string
	// Selector finds the namespace.
	Selector Selector
	Source   Source
}

// Lease is what a DHCP server gave to a client, as far as linkd uses it.
type Lease struct {
	Prefix netip.Prefix  `json:"address"`
	Server netip.Addr    `json:"server"`
	Routes []LeasedRoute `json:"routes,omitempty"`
	// Nameservers and Search are the resolver's settings, as in resolv.conf(5).
	Nameservers []netip.Addr `json:"nameservers,omitempty"`
	Search      []string     `json:"search,omitempty"`
	// End is the end of the lease. After Deprecated, programs use the address for no new connection; zero for never.
	End        time.Time `json:"end"`
	Deprecated time.Time `json:"deprecated,omitzero"`
}

// LeaseKey is the key of an end that asks for a lease.
func LeaseKey(ipv6 bool) string {
	if ipv6 {
		return "dhcp6"
	}
	return "dhcp"
}

// LeasedRoute is a route that a DHCP server names. Via is always set.
type LeasedRoute struct {
	To  netip.Prefix `json:"to"`
	Via netip.Addr   `json:"via"`
}

// Lease declares that an interface gets its address of IPv4 or IPv6 from a DHCP server. It returns the lease, or the reason why there
// is none.
func (c *Context) Lease(ipv6 bool, options LeaseOptions) (lease *Lease, lacks string) {
	client := LeaseClient{c.NS, c.Device, ipv6}
	options.Selector = c.Selector()
	c.c.desired.Leases[client] = options
	if c.c.lang.Lease == nil {
		return nil, noLease
	}
	return c.c.lang.Lease(client)
}

const noLease = "no DHCP server has answered yet"

// Taken returns who else has an address according to the files, so that no lease for it is used; "" if nobody has it. The result is
// complete in functions for WhenGiven.
func (c *Context) Taken(ip netip.Addr) string {
	for _, p := range c.c.desired.Pools {
		if p.Range.Contains(ip) {
			return "it is in the pool " + p.Name
		}
	}
	if c.c.occupied[ip] {
		return "the files give it to another interface, or name it as a gateway"
	}
	return ""
}
