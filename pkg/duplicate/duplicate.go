// Package duplicate asks on a link whether another host has an address: with an ARP probe (RFC 5227, 2.1.1), or as duplicate address
// detection does (RFC 4862, 5.4).
package duplicate

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
)

const (
	// questions is how often Ask asks, and answerTime how long it waits each time. A host that uses an address answers within
	// milliseconds; RFC 5227 waits for seconds, because a host may be booting.
	questions  = 2
	answerTime = 150 * time.Millisecond
	// mostHeard is how many packets of others Ask reads while it waits for one answer.
	mostHeard = 10_000
)

// Asker is a packet socket on an interface. While it is open, its namespace does not end.
type Asker struct {
	packets *observe.PacketSocket
	mac     net.HardwareAddr
	ip      netip.Addr
}

// Open opens a socket to ask for an address on the interface with an index and a link-layer address of Ethernet. The caller closes it.
func Open(ns *observe.NS, index int, mac net.HardwareAddr, ip netip.Addr) (*Asker, error) {
	protocol, filter := uint16(unix.ETH_P_ARP), []unix.SockFilter(nil)
	if ip.Is6() {
		protocol, filter = unix.ETH_P_IPV6, advertisementsOnly
	}
	packets, err := ns.OpenPackets(index, protocol, filter)
	if err != nil {
		return nil, err
	}
	return &Asker{packets, mac, ip}, nil
}

// advertisementsOnly passes neighbour advertisements (ICMPv6 type 136).
var advertisementsOnly = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 6},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.IPPROTO_ICMPV6, Jf: 3},
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: headerIPv6},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: advertisement, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 65535},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

const (
	headerIPv6    = 40
	advertisement = 136
)

// Close closes the socket.
func (a *Asker) Close() { a.packets.Close() }

// Ask asks, and waits for up to 300 ms. It returns the link-layer address of another host that has the address; nil if none answers.
func (a *Asker) Ask() (other net.HardwareAddr, err error) {
	for i := 0; i < questions && err == nil && other == nil; i++ {
		other, err = a.askOnce()
	}
	return other, err
}

// question returns the packet to send, and its link-layer destination.
func (a *Asker) question() (packet []byte, to net.HardwareAddr) {
	if a.ip.Is4() {
		return address.ARPRequest(a.mac, netip.IPv4Unspecified(), a.ip), net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	return address.Solicitation(a.ip)
}

// askOnce sends one question and waits for an answer, or for another host that speaks as the address.
func (a *Asker) askOnce() (other net.HardwareAddr, err error) {
	packet, to := a.question()
	if err := errors.Join(a.packets.Send(packet, to), a.packets.SetReadDeadline(time.Now().Add(answerTime))); err != nil {
		return nil, err
	}
	buf := make([]byte, 256)
	for range mostHeard {
		n, from, err := a.packets.Receive(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if from == nil {
			continue
		}
		if ip, mac := speaker(buf[:n], a.ip.Is4(), from); ip == a.ip && mac.String() != a.mac.String() {
			return mac, nil
		}
	}
	return nil, nil
}

// speaker returns the address as which the sender of an ARP packet or a neighbour advertisement speaks, and the sender's link-layer
// address. The zero Addr stands for none.
func speaker(packet []byte, four bool, sender net.HardwareAddr) (ip netip.Addr, mac net.HardwareAddr) {
	switch {
	// An ARP packet for Ethernet and IPv4 has the sender's addresses at 8 and 14 (RFC 826).
	case four && len(packet) >= 28 && packet[4] == 6 && packet[5] == 4:
		ip, _ = netip.AddrFromSlice(packet[14:18])
		return ip, append(net.HardwareAddr(nil), packet[8:14]...)
	// A neighbour advertisement has the address at 8 (RFC 4861, 4.4).
	case !four && len(packet) >= headerIPv6+24 && packet[headerIPv6] == advertisement:
		ip, _ = netip.AddrFromSlice(packet[headerIPv6+8 : headerIPv6+24])
		return ip, sender
	}
	return ip, nil
}
