package probe

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/link"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Locate returns the address of a host: an address; the ID of a link, which stands for an address of its end that is not in the
// namespace from; the name of a namespace; or a name that is looked up from within that namespace.
func Locate(ctx context.Context, desired *spec.Desired, from *observe.NS, host string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap(), nil
	}
	if ip, is, err := declared(desired, from.Name, host); is {
		return ip, err
	}
	return Resolve(ctx, from, host)
}

// declared is the address that the files declare for a link or a namespace; is tells whether they declare either with that name.
func declared(desired *spec.Desired, from, host string) (ip netip.Addr, is bool, err error) {
	if desired == nil {
		return ip, false, nil
	}
	var ends []*link.Link
	for _, r := range desired.Resources.All() {
		if l, isLink := r.(*link.Link); isLink && l.Cable == host {
			ends = append(ends, l)
		}
	}
	is = len(ends) > 0
	kind := "the link"
	if !is {
		kind = "the namespace"
		for _, r := range desired.Resources.In(host, "link") {
			ends = append(ends, r.(*link.Link))
		}
		_, is = desired.Namespaces[host]
	}
	if !is {
		return ip, false, nil
	}
	found := addresses(desired, ends, from)
	if len(found) == 0 {
		return ip, true, fmt.Errorf("the files declare no address for %s %q outside of %s: write the address itself", kind, host, from)
	}
	return found[0], true, nil
}

// addresses are those of interfaces that are not in a namespace: of IPv4 first, then in the order of the files.
func addresses(desired *spec.Desired, ends []*link.Link, from string) (ips []netip.Addr) {
	var found []*address.Address
	for _, l := range ends {
		for _, r := range desired.Resources.In(l.NS, "address") {
			if a := r.(*address.Address); a.Dev == l.Name && l.NS != from && a.Prefix.IsValid() {
				found = append(found, a)
			}
		}
	}
	slices.SortFunc(found, func(a, b *address.Address) int {
		return cmp.Or(cmp.Compare(a.Prefix.Addr().BitLen(), b.Prefix.Addr().BitLen()), a.Source.Compare(b.Source))
	})
	for _, a := range found {
		ips = append(ips, a.Prefix.Addr())
	}
	return ips
}
