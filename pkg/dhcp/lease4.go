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

// shortestMask is the shortest prefix length of IPv4: no network is larger than a class A network.
const shortestMask = 8

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
	l.setTimes(now, m.IPAddressRenewalTime(length/2), m.IPAddressRebindingTime(length*7/8), length, length/2, length*7/8)
	l.setResolver(m.DNS(), domains(m))
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

// domains returns the domains that a server names, the host's own first (RFC 3397).
func domains(m *dhcpv4.DHCPv4) (all []string) {
	if own := m.DomainName(); own != "" {
		all = append(all, own)
	}
	if more := m.DomainSearch(); more != nil {
		for _, d := range more.Labels {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	return all
}

// isHost reports whether an IPv4 address can be that of a host on a link.
func isHost(ip netip.Addr) bool { return ip.Is4() && isUsable(ip) }
