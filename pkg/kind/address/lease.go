package address

import (
	"time"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Await declares that the context's interface gets an address that nobody has given yet. of says where it will come from, and missing
// why it has not come.
func Await(c *spec.Context, of, missing string, source spec.Source) {
	c.Add(&Address{NS: c.NS, Dev: c.Device, Source: source, awaited: awaited{of, missing}})
}

// Lease declares the address of a lease on the context's interface. It returns false if the files declare that address there. The
// address has the lifetimes of the lease, so that the kernel removes it at the end of the lease if linkd does not run.
func Lease(c *spec.Context, lease *spec.Lease, source spec.Source) bool {
	a := &Address{
		NS: c.NS, Dev: c.Device, Prefix: lease.Prefix, Quiet: c.Quiet, Source: source, leased: true,
		lifespan: lifespan{ends: lease.End, deprecated: lease.Deprecated},
	}
	if c.Declared(a.ID()) != nil {
		return false
	}
	if lease.Prefix.Addr().Is6() {
		// The DHCP client has asked whether another host has the address. The kernel would delete an address with a lifetime when it
		// finds a duplicate (addrconf_dad_stop in net/ipv6/addrconf.c), and linkd would add it again.
		yes := true
		a.NoDAD = &yes
	}
	c.Add(a)
	c.Later(func() { a.refer(c.All()) })
	return true
}

// lifespan is when the lifetimes of an address are over; zero for never. In a desired address it is that of a lease, or zero. An address
// that is preferred until it ends has no time at which it is deprecated. over: it was deprecated when it was observed, at that time.
type lifespan struct {
	ends, deprecated time.Time
	over             bool
}

// sameTime is how far apart two ends of a lifetime can be that are the same: the kernel counts whole seconds.
const sameTime = 3 * time.Second

// lifespanOf returns the end of the lifetimes that an address has at a time.
func lifespanOf(now time.Time, valid, preferred Lifetime) (l lifespan) {
	if valid != Forever {
		l.ends = now.Add(time.Duration(valid) * time.Second)
	}
	if preferred != Forever && preferred != valid {
		l.deprecated, l.over = now.Add(time.Duration(preferred)*time.Second), preferred == 0
	}
	return l
}

// lifetimes returns what is left at a time.
func (l lifespan) lifetimes(now time.Time) (valid, preferred Lifetime) {
	// The kernel takes no valid lifetime of 0.
	valid = max(secondsUntil(l.ends, now), 1)
	if l.deprecated.IsZero() {
		return valid, valid
	}
	return valid, min(secondsUntil(l.deprecated, now), valid)
}

func secondsUntil(end, now time.Time) Lifetime {
	return Lifetime(max((end.Sub(now)+time.Second-1)/time.Second, 0))
}

// equal reports whether two lifespans are the same.
func (l lifespan) equal(other lifespan) bool {
	return sameMoment(l.ends, other.ends) && l.over == other.over && (l.over || sameMoment(l.deprecated, other.deprecated))
}

func sameMoment(a, b time.Time) bool {
	if a.IsZero() || b.IsZero() {
		return a.IsZero() == b.IsZero()
	}
	return a.Sub(b).Abs() <= sameTime
}

// compareLifespan compares the lifetimes of a lease.
func compareLifespan(fs *reconcile.Fields, want, have lifespan) {
	if want.ends.IsZero() {
		return
	}
	if !sameMoment(want.ends, have.ends) {
		fs.Differ("valid until", untilText(have.ends), untilText(want.ends))
	}
	differs := !sameMoment(want.deprecated, have.deprecated)
	if have.over && !want.deprecated.IsZero() {
		differs = want.deprecated.Sub(have.deprecated) > sameTime
	}
	if differs {
		fs.Differ("preferred until", untilText(have.deprecated), untilText(want.deprecated))
	}
}

func untilText(end time.Time) string {
	if end.IsZero() {
		return Forever.String()
	}
	return end.Local().Format(time.DateTime)
}
