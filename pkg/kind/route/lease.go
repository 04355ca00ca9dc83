package route

import (
	"golang.org/x/sys/unix"

	"linkd/pkg/spec"
)

// Lease declares a route of a DHCP lease by way of the context's interface, unless the files declare one in its place.
func Lease(c *spec.Context, leased spec.LeasedRoute, metric *uint32, source spec.Source) {
	r := &Route{NS: c.NS, To: leased.To, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST, Source: source}
	r.setHops([]Hop{{Via: leased.Via, Dev: c.Device, Weight: 1}})
	if r.Metric = defaultMetric(r.To); metric != nil {
		r.Metric = *metric
	}
	if c.Declared(r.ID()) != nil {
		return
	}
	c.Add(r)
	c.Later(func() { r.refer(c.All()) })
}
