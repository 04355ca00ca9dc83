package address

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// announcing tells neighbours the link-layer address of an IP address. Otherwise they use the old one for up to a minute
// (gc_stale_time and base_reachable_time_ms in arp(7)).
type announcing struct{}

// Readiness says whether linkd can announce an observed address: when it is usable, on a device with a carrier.
func (announcing) Readiness(want, have *Address) reconcile.Readiness {
	ip := have.Prefix.Addr()
	switch {
	case want.Quiet, ip.IsLoopback(), spec.ValueOr(have.Scope, 0) == scopeHost:
		return reconcile.Never
	case have.device&(unix.IFF_NOARP|unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) != 0:
		return reconcile.Never
	case have.device&unix.IFF_UP == 0, have.device&unix.IFF_LOWER_UP == 0, have.DADFailed:
		return reconcile.NotReady
	case have.device&unix.IFF_RUNNING == 0, have.Tentative, have.optimistic:
		// An announcement overrides the entry of neighbours for another host, which an optimistic address must not (RFC 4429, 3.3).
		return reconcile.ReadySoon
	}
	return reconcile.Ready
}

// Announce announces addresses. One packet socket sends all announcements of a namespace. It receives nothing, because it has no
// protocol (packet(7)).
func (announcing) Announce(ctx context.Context, ns *observe.NS, have []*Address) error {
	ns.Forget()
	links, err := ns.Links(ctx)
	if err != nil {
		return err
	}
	var fd int
	err = ns.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	defer closeSoon(fd)
	var errs []error
	for _, a := range have {
		link := links.ByIndex(a.index)
		if link == nil {
			continue
		}
		mac, err := net.ParseMAC(link.MAC)
		if err != nil || len(mac) != 6 {
			// The device is not Ethernet.
			continue
		}
		router := false
		if a.Prefix.Addr().Is6() {
			if router, err = ns.InterfaceForwards(unix.AF_INET6, a.index); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		protocol, to, packet := announcement(a.Prefix.Addr(), mac, router)
		at := &unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(protocol), Ifindex: link.Index, Halen: 6}
		copy(at.Addr[:], to)
		if err := unix.Sendto(fd, packet, 0, at); err != nil {
			errs = append(errs, fmt.Errorf("send on %s: %w", link.Name, err))
		}
	}
	return errors.Join(errs...)
}

// closing limits how many packet sockets closeSoon closes at the same time: each of them occupies a thread (FAULTS 38).
var closing = make(chan struct{}, 12)

// closeSoon closes a packet socket in another goroutine: the kernel waits until no processor uses the socket any more, which takes
// 10 ms or more (synchronize_net in packet_release, net/packet/af_packet.c).
func closeSoon(fd int) {
	closing <- struct{}{}
	go func() {
		unix.Close(fd)
		<-closing
	}()
}

// announcement returns the packet that announces an address, its Ethernet protocol, and its destination: a gratuitous ARP request
// (RFC 5227, 3), or an unsolicited neighbour advertisement to all nodes (RFC 4861, 7.2.6). router says whether the interface of an
// IPv6 address forwards.
func announcement(ip netip.Addr, mac net.HardwareAddr, router bool) (protocol uint16, to net.HardwareAddr, packet []byte) {
	if ip.Is4() {
		return unix.ETH_P_ARP, net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, ARPRequest(mac, ip, ip)
	}
	return unix.ETH_P_IPV6, net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, neighbourAdvertisement(ip, mac, router)
}

// ARPRequest returns an ARP request (RFC 826) for an IPv4 address on Ethernet. In an announcement, the sender asks for its own
// address: unlike a reply, Linux accepts a request even if it updated the neighbour's entry less than locktime ago (arp_process in
// net/ipv4/arp.c). In a probe, the sender is 0.0.0.0.
func ARPRequest(mac net.HardwareAddr, sender, target netip.Addr) []byte {
	const ethernet, request = 1, 1
	packet := binary.BigEndian.AppendUint16(nil, ethernet)
	packet = binary.BigEndian.AppendUint16(packet, unix.ETH_P_IP)
	packet = append(packet, byte(len(mac)), net.IPv4len)
	packet = binary.BigEndian.AppendUint16(packet, request)
	packet = append(append(packet, mac...), sender.AsSlice()...)
	return append(append(packet, make([]byte, len(mac))...), target.AsSlice()...)
}

var allNodes = netip.MustParseAddr("ff02::1")

// neighbourAdvertisement returns an IPv6 packet with an unsolicited neighbour advertisement that replaces the neighbours' entries
// (RFC 4861, 4.4). A router must set the router flag: hosts delete the routes through a neighbour that is not a router any more.
func neighbourAdvertisement(ip netip.Addr, mac net.HardwareAddr, router bool) []byte {
	const advertisement, targetLinkLayer, hopLimit = 136, 2, 255
	flags := byte(0x20) // override
	if router {
		flags |= 0x80
	}
	message := append([]byte{advertisement, 0, 0, 0, flags, 0, 0, 0}, ip.AsSlice()...)
	message = append(append(message, targetLinkLayer, 1), mac...)
	header := append([]byte{6 << 4, 0, 0, 0}, 0, byte(len(message)), unix.IPPROTO_ICMPV6, hopLimit)
	header = append(append(header, ip.AsSlice()...), allNodes.AsSlice()...)
	binary.BigEndian.PutUint16(message[2:], Checksum(header[8:], message, unix.IPPROTO_ICMPV6))
	return append(header, message...)
}

// Solicitation returns an IPv6 packet that asks whether another host has an address, and its link-layer destination: a neighbour
// solicitation from the unspecified address, as duplicate address detection sends it (RFC 4861, 4.3; RFC 4862, 5.4.2).
func Solicitation(ip netip.Addr) (packet []byte, to net.HardwareAddr) {
	const solicitation, hopLimit = 135, 255
	target := ip.As16()
	// The solicited-node multicast address (RFC 4291, 2.7.1), and that of Ethernet for it (RFC 2464, 7).
	group := netip.MustParseAddr("ff02::1:ff00:0").As16()
	copy(group[13:], target[13:])
	message := append([]byte{solicitation, 0, 0, 0, 0, 0, 0, 0}, target[:]...)
	header := append([]byte{6 << 4, 0, 0, 0}, 0, byte(len(message)), unix.IPPROTO_ICMPV6, hopLimit)
	header = append(append(header, make([]byte, net.IPv6len)...), group[:]...)
	binary.BigEndian.PutUint16(message[2:], Checksum(header[8:], message, unix.IPPROTO_ICMPV6))
	return append(header, message...), append(net.HardwareAddr{0x33, 0x33}, group[12:]...)
}

// Checksum returns the checksum of a message over IPv6 between two addresses (RFC 8200, 8.1).
func Checksum(addresses, message []byte, protocol byte) uint16 {
	sum := uint32(len(message)) + uint32(protocol)
	for _, part := range [][]byte{addresses, message} {
		for ; len(part) > 1; part = part[2:] {
			sum += uint32(binary.BigEndian.Uint16(part))
		}
		if len(part) == 1 {
			sum += uint32(part[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
