package dhcp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
)

// errWithdrawn says that a server gives the lifetime 0 to the address that the client has (RFC 8415, 18.2.10.1).
var errWithdrawn = errors.New("it withdraws the address")

// readLease6 checks the answer of a server and returns its lease without the server. It trusts nothing in the answer. The address
// stands alone: routers announce which subnet is on the link (RFC 5942).
func readLease6(p *dhcpv6.Message, ia *dhcpv6.OptIANA, m *machine, now time.Time) (l Lease, err error) {
	if ia == nil {
		return l, fmt.Errorf("it gives no address")
	}
	// Of several addresses the client takes the one that it has.
	var chosen *dhcpv6.OptIAAddress
	for _, a := range ia.Options.Addresses() {
		ip, ok := netip.AddrFromSlice(a.IPv6Addr)
		if has := ok && ip == m.wants(); ok && (chosen == nil && a.ValidLifetime > 0 || has) {
			chosen = a
			l.Prefix = netip.PrefixFrom(ip, ip.BitLen())
			if has {
				break
			}
		}
	}
	if chosen == nil {
		return l, fmt.Errorf("it gives no address")
	}
	l.MAC = m.mac.String()
	length, preferred := min(chosen.ValidLifetime, longestLease), min(chosen.PreferredLifetime, longestLease)
	switch {
	case !isUsable(l.Prefix.Addr()):
		return l, fmt.Errorf("the address %s is not that of a host", l.Prefix.Addr())
	case length == 0 && m.state != selecting:
		return l, errWithdrawn
	case preferred > length:
		return l, fmt.Errorf("the address is preferred for %s, and valid for %s", preferred, length)
	case length < shortestLease:
		return l, fmt.Errorf("the lease is for %s, and linkd takes none below %s", length, shortestLease)
	}
	span := preferred
	if span < shortestLease {
		span = length
	}
	l.setTimes(now, ia.T1, ia.T2, length, span/2, span*4/5)
	if preferred < length {
		l.Deprecated = now.Add(preferred)
	}
	var domains []string
	if names := p.Options.DomainSearchList(); names != nil {
		domains = names.Labels
	}
	l.setResolver(p.Options.DNS(), domains)
	return l, nil
}
