package address

import (
	"cmp"

	"golang.org/x/sys/unix"

	"linkd/pkg/reconcile"
)

// health returns whether programs can use an observed address that has the desired attributes. Only an IPv6 address can exist and
// be unusable: no program can bind a tentative one (ipv6_chk_addr in net/ipv6/addrconf.c), and the kernel never retries after
// duplicate address detection has failed.
func health(want, have *Address) reconcile.Condition {
	condition := func(state reconcile.State, reason string) reconcile.Condition {
		return reconcile.Condition{Verdict: reconcile.Verdict{State: state, Reason: reason}}
	}
	switch {
	case have.DADFailed:
		c := condition(reconcile.Failed, "another host on the link has this address (duplicate address detection failed), so the kernel does not use it; "+
			"linkd tries again from time to time")
		c.Renew = true
		return c
	case have.unrouted:
		c := condition(reconcile.Pending, "the kernel has not made the route to the address yet")
		c.Soon, c.Unannounced = true, true
		return c
	case !have.Tentative:
		return condition(reconcile.OK, cmp.Or(want.collision, have.place.remark(), have.shared.remark(have)))
	case have.device&unix.IFF_UP == 0 && want.onDown:
		return condition(reconcile.OK, "not usable while "+want.Dev+" is down, as the file has it")
	case have.device&unix.IFF_UP == 0:
		return condition(reconcile.Pending, "the address is tentative: "+want.Dev+" is down")
	case have.device&unix.IFF_LOWER_UP == 0:
		// The device may never have a carrier: a bridge without ports, a card without a cable. linkd cannot end the wait.
		return condition(reconcile.OK, "not usable until "+want.Dev+" has a carrier: duplicate address detection cannot end before")
	}
	c := condition(reconcile.Pending, "the address is tentative: duplicate address detection is not over yet")
	c.Soon = true
	return c
}
