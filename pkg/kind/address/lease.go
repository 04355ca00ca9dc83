package address

import "linkd/pkg/spec"

// Await declares that the context's interface gets an address that nobody has given yet. of says where it will come from, and missing
// why it has not come.
func Await(c *spec.Context, of, missing string, source spec.Source) {
	c.Add(&Address{NS: c.NS, Dev: c.Device, Source: source, awaited: awaited{of, missing}})
}

// Lease declares the address of a lease on the context's interface. It returns false if the files declare that address there.
func Lease(c *spec.Context, lease *spec.Lease, source spec.Source) bool {
	a := &Address{NS: c.NS, Dev: c.Device, Prefix: lease.Prefix, Quiet: c.Quiet, Source: source, leased: true}
	if c.Declared(a.ID()) != nil {
		return false
	}
	c.Add(a)
	c.Later(func() { a.refer(c.All()) })
	return true
}
