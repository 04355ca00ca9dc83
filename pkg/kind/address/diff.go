package address

import (
	"fmt"
	"net/netip"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Diff compares two addresses. RTM_NEWADDR changes only the lifetimes and the metric of an existing address (inet_rtm_newaddr in
// net/ipv4/devinet.c), and for IPv6 also its flags (inet6_addr_modify in net/ipv6/addrconf.c). The kernel silently ignores the
// rest.
func (k kind) Diff(want, have *Address) []reconcile.Field {
	fs := difference(want, have)
	if want.partial {
		return fs
	}
	if k.ComesWith(want, have) && !k.Owned(have) {
		fs.DifferMark("mark", "", "linkd")
	}
	if have.behind.IsValid() {
		fs.Differ("position", "before "+have.behind.String(), "behind "+have.behind.String())
	}
	if have.lacks != "" {
		fs.Differ("kernel routes", "without "+have.lacks, "complete")
	}
	return fs
}

// ComesWith reports whether linkd adopts have together with its link. It does not adopt an address with a limited lifetime, which
// another program such as a DHCP client renews, nor one with a mark of the kernel's (IFAPROT_KERNEL_LO and the next two in
// linux/if_addr.h). RTM_NEWADDR changes the mark without removing the address, but for an IPv6 address with a peer it adds another
// route (inet6_addr_modify in net/ipv6/addrconf.c).
func (kind) ComesWith(want, have *Address) bool {
	lasting := want.ValidLft != nil || spec.ValueOr(have.ValidLft, Forever) == Forever
	changesMore := have.Prefix.Addr().Is6() && have.Peer != nil
	return want.Replace || want.Adopt && lasting && !changesMore && !have.byKernel()
}

func difference(want, have *Address) (fs reconcile.Fields) {
	compareIP(&fs, "peer", want.Peer, have.Peer, want.Prefix.Addr())
	compareImmutable(&fs, "label", want.Label, have.Label)
	compareImmutable(&fs, "scope", want.Scope, have.Scope)
	compareIP(&fs, "broadcast", want.Broadcast, have.Broadcast, netip.Addr{})
	reconcile.Compare(&fs, "nodad", want.NoDAD, spec.ValueOr(have.NoDAD, false))
	noRoute, metric := spec.ValueOr(have.NoPrefixRoute, false), spec.ValueOr(have.Metric, 0)
	if want.Prefix.Addr().Is4() {
		compareImmutable(&fs, "noprefixroute", want.NoPrefixRoute, &noRoute)
		reconcile.Compare(&fs, "metric", want.Metric, metric)
	} else {
		reconcile.Compare(&fs, "noprefixroute", want.NoPrefixRoute, noRoute)
		if want.Metric != nil && *want.Metric == 0 {
			// For this function a metric of 0 means no change.
			compareImmutable(&fs, "metric", want.Metric, &metric)
		} else {
			reconcile.Compare(&fs, "metric", want.Metric, metric)
		}
	}
	compareLifetime(&fs, "valid_lft", want.ValidLft, have.ValidLft)
	compareLifetime(&fs, "preferred_lft", want.PreferredLft, have.PreferredLft)
	compareLifespan(&fs, want.lifespan, have.lifespan)
	return fs
}

func compareImmutable[T comparable](fs *reconcile.Fields, path string, want, have *T) {
	if want == nil || (have != nil && *want == *have) {
		return
	}
	had := ""
	if have != nil {
		had = fmt.Sprint(*have)
	}
	fs.DifferReplace(path, had, fmt.Sprint(*want))
}

// compareIP compares an address, which is none if the address has no such attribute.
func compareIP(fs *reconcile.Fields, path string, want, have *netip.Addr, none netip.Addr) {
	there := spec.ValueOr(have, none)
	if want == nil || *want == there {
		return
	}
	text := func(ip netip.Addr) string {
		if ip == none {
			return ""
		}
		return ip.String()
	}
	fs.DifferReplace(path, text(there), text(*want))
}

// compareLifetime does not compare running lifetimes by their values, only as forever, limited and expired.
func compareLifetime(fs *reconcile.Fields, path string, want, have *Lifetime) {
	if want == nil || have == nil || *want == *have {
		return
	}
	if ticks := *want != Forever && *have != Forever && *want != 0; !ticks {
		fs.Differ(path, have.String(), want.String())
	}
}

// unmarked is the kind for kernels that ignore IFA_PROTO: there only the journal says which addresses are linkd's.
type unmarked struct{ kind }

// Diff compares two addresses without their marks.
func (unmarked) Diff(want, have *Address) []reconcile.Field { return difference(want, have) }

// Fingerprint returns "": nothing distinguishes linkd's address from the same one that another program added.
func (unmarked) Fingerprint(*Address) string { return "" }

// markedAtBirth is the kind for kernels that cannot change the mark of an existing IPv4 address (inet_rtm_newaddr in
// net/ipv4/devinet.c before 6.4): there only the journal says that an adopted address is linkd's.
type markedAtBirth struct{ kind }

// Diff compares two addresses, without the mark of an IPv4 address.
func (k markedAtBirth) Diff(want, have *Address) []reconcile.Field {
	if want.Prefix.Addr().Is4() {
		return difference(want, have)
	}
	return k.kind.Diff(want, have)
}

// Fingerprint returns the mark: an address that has lost its mark was added again by another program.
func (markedAtBirth) Fingerprint(have *Address) string { return fmt.Sprint("proto ", have.Proto) }
