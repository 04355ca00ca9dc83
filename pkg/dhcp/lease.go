package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"linkd/pkg/spec"
)

// Lease is a lease with its times.
type Lease struct {
	spec.Lease
	// Renew, Rebind and End are T1, T2 and the end of the lease (RFC 2131, 4.4.5).
	Renew  time.Time `json:"renew"`
	Rebind time.Time `json:"rebind"`
	End    time.Time `json:"end"`
	// MAC is the link-layer address of the client.
	MAC string `json:"mac"`
}

const (
	// shortestLease is the shortest lease that linkd accepts, and longestLease the longest time that it counts on one.
	shortestLease = 10 * time.Second
	longestLease  = 365 * 24 * time.Hour
	// shortestRenewal is the shortest time before a renewal: a server must not make linkd write and send all the time.
	shortestRenewal = 5 * time.Second
	// shortestMask is the shortest prefix length: no network is larger than a class A network.
	shortestMask = 8
	// mostRoutes is how many routes of a lease linkd uses.
	mostRoutes = 32
)

// readLease checks the answer of a server and returns its lease. It trusts nothing in the answer: whoever is in the broadcast domain
// can send one.
func readLease(m *dhcpv4.DHCPv4, mac net.HardwareAddr, now time.Time) (l Lease, err error) {
	ip, ok := netip.AddrFromSlice(m.YourIPAddr.To4())
	if !ok || !isHost(ip) {
		return l, fmt.Errorf("the address %s is not that of a host", m.YourIPAddr)
	}
	ones, bits := m.SubnetMask().Size()
	switch {
	case m.SubnetMask() == nil:
		return l, fmt.Errorf("it gives no subnet mask")
	case bits != 32 || ones < shortestMask:
		return l, fmt.Errorf("the subnet mask %s is none, or that of more than a /%d", net.IP(m.SubnetMask()), shortestMask)
	}
	l.Prefix, l.MAC = netip.PrefixFrom(ip, ones), mac.String()
	if ones < 31 && (ip == l.Prefix.Masked().Addr() || !l.Prefix.Contains(ip.Next())) {
		return l, fmt.Errorf("%s is the address of a network or of its broadcast", l.Prefix)
	}
	if l.Server, ok = netip.AddrFromSlice(m.ServerIdentifier().To4()); !ok || !isHost(l.Server) || l.Server == ip {
		return l, fmt.Errorf("it does not say which server it is from")
	}
	length := min(m.IPAddressLeaseTime(0), longestLease)
	if length < shortestLease {
		return l, fmt.Errorf("the lease is for %s, and linkd takes none below %s", length, shortestLease)
	}
	renew, rebind := m.IPAddressRenewalTime(length/2), m.IPAddressRebindingTime(length*7/8)
	if renew >= rebind || rebind >= length {
		renew, rebind = length/2, length*7/8
	}
	renew = max(renew, shortestRenewal)
	l.Renew, l.Rebind, l.End = now.Add(renew), now.Add(max(rebind, renew)), now.Add(length)
	l.Routes = readRoutes(m, l.Prefix)
	return l, nil
}

// readRoutes returns the routes of an answer whose gateway is in the subnet. If there are classless routes, they replace the router
// (RFC 3442).
func readRoutes(m *dhcpv4.DHCPv4, own netip.Prefix) (routes []spec.LeasedRoute) {
	add := func(to netip.Prefix, via net.IP) {
		gateway, ok := netip.AddrFromSlice(via.To4())
		usable := ok && isHost(gateway) && own.Contains(gateway) && gateway != own.Addr()
		whole := to.Bits() == 0 || isHost(to.Addr()) && !own.Overlaps(to)
		again := slices.ContainsFunc(routes, func(r spec.LeasedRoute) bool { return r.To == to })
		if usable && whole && !again && len(routes) < mostRoutes {
			routes = append(routes, spec.LeasedRoute{To: to, Via: gateway})
		}
	}
	classless := m.ClasslessStaticRoute()
	for _, r := range classless {
		to, ok := netip.AddrFromSlice(r.Dest.IP.To4())
		ones, bits := r.Dest.Mask.Size()
		if ok && bits == 32 {
			add(netip.PrefixFrom(to, ones).Masked(), r.Router)
		}
	}
	if len(classless) > 0 {
		return routes
	}
	for _, via := range m.Router() {
		// The first usable one is the server's choice.
		add(netip.PrefixFrom(netip.IPv4Unspecified(), 0), via)
	}
	return routes
}

// isHost reports whether an address can be that of a host on a link.
func isHost(ip netip.Addr) bool {
	first := ip.As4()[0]
	return ip.Is4() && first != 0 && first < 224 && !ip.IsLoopback() && !ip.IsLinkLocalUnicast()
}
