package dhcp

import (
	"net"
	"net/netip"
	"time"

	"linkd/pkg/spec"
)

// Lease is a lease with its times.
type Lease struct {
	spec.Lease
	// Renew and Rebind are T1 and T2 (RFC 2131, 4.4.5; RFC 8415, 21.4).
	Renew  time.Time `json:"renew"`
	Rebind time.Time `json:"rebind"`
	// MAC is the link-layer address of the client.
	MAC string `json:"mac"`
	// ServerID identifies a DHCPv6 server: its DUID in hexadecimal.
	ServerID string `json:"server_id,omitempty"`
	// File is the absolute path of the file that asks for the lease, and From the selector of the namespace, for spec.SelectorOf.
	File string   `json:"file,omitempty"`
	From []string `json:"from,omitempty"`
}

const (
	// shortestLease is the shortest lease that linkd accepts, and longestLease the longest time that it counts on one.
	shortestLease = 10 * time.Second
	longestLease  = 365 * 24 * time.Hour
	// shortestRenewal is the shortest time before a renewal: a server must not make linkd write and send all the time.
	shortestRenewal = 5 * time.Second
	// mostRoutes, mostNameservers and mostDomains are how many of them linkd uses of a lease. The resolver uses no more nameservers
	// (MAXNS in resolv.h), and used to use no more domains.
	mostRoutes      = 32
	mostNameservers = 3
	mostDomains     = 6
)

// setTimes sets the times of a lease for a length from now on. A renewal or a rebinding out of order is replaced by the default of
// the protocol.
func (l *Lease) setTimes(now time.Time, renew, rebind, length, defaultRenew, defaultRebind time.Duration) {
	if renew <= 0 || rebind <= 0 || renew >= rebind || rebind >= length {
		renew, rebind = defaultRenew, defaultRebind
	}
	renew = max(renew, shortestRenewal)
	l.Renew, l.Rebind, l.End = now.Add(renew), now.Add(max(rebind, renew)), now.Add(length)
}

// setResolver sets the usable ones of the nameservers and domains that a server names. The writer of resolv.conf(5) checks the domains.
func (l *Lease) setResolver(nameservers []net.IP, domains []string) {
	for _, ip := range nameservers {
		if a, ok := netip.AddrFromSlice(ip); ok && isUsable(a.Unmap()) && len(l.Nameservers) < mostNameservers {
			l.Nameservers = append(l.Nameservers, a.Unmap())
		}
	}
	l.Search = domains[:min(len(domains), mostDomains)]
	if len(l.Search) == 0 {
		l.Search = nil
	}
}

// isUsable reports whether a host can have an address, and be reached by it from every interface.
func isUsable(ip netip.Addr) bool {
	if ip.Is4() {
		first := ip.As4()[0]
		return first != 0 && first < 224 && !ip.IsLoopback() && !ip.IsLinkLocalUnicast()
	}
	return ip.Is6() && !ip.Is4In6() && ip.IsGlobalUnicast()
}
