package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var duplicateAddresses = newCheck("duplicate-addresses", "no other host answers for a declared IPv4 address",
	"If two hosts in one broadcast domain have the same address, neighbours reach sometimes one and sometimes the other. doctor\nsends an ARP probe (RFC 5227) for each declared IPv4 address, which changes no neighbour's entries, and waits half a second\nfor answers. It reports the MAC address that answers, and the bridge port in linkd's own namespace behind which that host\nis. The kernel itself probes IPv6 addresses: there the resource fails. The check `files` reports two ends in the files with\nthe same address.",
	func(ctx context.Context, m *Machine) ([]duplicate, error) {
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		var probes []probe
		own := map[string]bool{}
		probed := map[netip.Addr][]*address.Address{}
		for name, ns := range open {
			links, err := ns.Links(ctx)
			if err != nil {
				return nil, err
			}
			there, err := address.On(ctx, ns)
			if err != nil {
				return nil, err
			}
			for _, r := range m.Desired.Resources.In(name, "address") {
				a, is := r.(*address.Address)
				link := links.ByName(a.Dev)
				if !is || !a.Prefix.Addr().Is4() || link == nil || !slices.Contains(there[link.Name], a.Prefix) || len(probes) == mostProbes {
					continue
				}
				const needed, without = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_BROADCAST, unix.IFF_NOARP | unix.IFF_LOOPBACK
				mac, err := net.ParseMAC(link.MAC)
				if err != nil || len(mac) != 6 || link.Flags&needed != needed || link.Flags&without != 0 {
					continue
				}
				ip := a.Prefix.Addr()
				own[ip.String()+link.MAC] = true
				probes = append(probes, probe{ns, link.Index, mac, ip})
				probed[ip] = append(probed[ip], a)
			}
		}
		if len(probes) == 0 {
			return nil, needless("the files declare no IPv4 address on an interface with neighbours")
		}
		others, err := sendProbes(probes)
		if err != nil {
			return nil, err
		}
		var found []duplicate
		for ip, answers := range others {
			for _, a := range probed[ip] {
				mac := answers[open[a.NS]]
				if mac == nil || own[ip.String()+mac.String()] {
					continue
				}
				port, err := m.portOf(ctx, mac)
				if err != nil {
					return nil, err
				}
				found = append(found, duplicate{a, mac, port})
			}
		}
		return found, nil
	}, judgeDuplicateAddresses)

// mostProbes is how many addresses doctor probes.
const mostProbes = 256

// duplicate is a declared address that another host has, with its MAC address, and the port of a bridge in linkd's own namespace
// behind which the host is; "" if doctor does not know the port.
type duplicate struct {
	*address.Address
	mac  net.HardwareAddr
	port string
}

// mostLearned is how many entries of forwarding databases doctor reads.
const mostLearned = 10_000

// portOf returns the port of a bridge in linkd's own namespace behind which a MAC address is; "" if there is none.
func (m *Machine) portOf(ctx context.Context, mac net.HardwareAddr) (string, error) {
	host := m.World.Host()
	links, err := host.Links(ctx)
	if err != nil {
		return "", err
	}
	name, count := "", 0
	err = host.Do(func() error {
		req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_BRIDGE))
		return req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH, func(msg []byte) bool {
			e, err := observe.ParseEntry(msg)
			if err != nil || e.Flags&unix.NTF_SELF != 0 || string(e.Attr(unix.NDA_LLADDR)) != string(mac) {
				count++
				return count < mostLearned
			}
			if link := links.ByIndex(e.Index); link != nil {
				name = link.Name
			}
			return false
		})
	})
	return name, err
}

func judgeDuplicateAddresses(_ *spec.Desired, saw []duplicate) (findings []Finding) {
	slices.SortFunc(saw, func(a, b duplicate) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	for _, d := range saw {
		where := ""
		if d.port != "" {
			where = ", behind port " + d.port + " in host"
		}
		findings = append(findings, Finding{
			Level: Error, Text: fmt.Sprintf("another host has the address %s of %s in %s, too: %s answers for it%s", d.Prefix.Addr(), d.Dev, d.NS, d.mac, where),
			Advice: "change one of the two addresses",
		}.of(d.Address))
	}
	return findings
}
