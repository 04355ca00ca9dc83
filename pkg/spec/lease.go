package spec

import "net/netip"

// LeaseClient is an interface that gets its address from a DHCP server. Its namespace and name identify it.
type LeaseClient struct{ NS, Device string }

// LeaseOptions are what the files say about a DHCP client.
type LeaseOptions struct {
	// Hostname is the name that the client tells the server; "" if none.
	Hostname string
	Source   Source
}

// Lease is what a DHCP server gave to a client, as far as linkd uses it.
type Lease struct {
	Prefix netip.Prefix  `json:"address"`
	Server netip.Addr    `json:"server"`
	Routes []LeasedRoute `json:"routes,omitempty"`
}

// LeasedRoute is a route that a DHCP server names. Via is always set.
type LeasedRoute struct {
	To  netip.Prefix `json:"to"`
	Via netip.Addr   `json:"via"`
}

// Lease declares that an interface gets its address from a DHCP server. It returns the lease, or the reason why there is none.
func (c *Context) Lease(options LeaseOptions) (lease *Lease, lacks string) {
	client := LeaseClient{c.NS, c.Device}
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
