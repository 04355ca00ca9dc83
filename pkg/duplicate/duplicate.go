// Package duplicate asks on a link whether another host has an address: with an ARP probe (RFC 5227, 2.1.1), or as duplicate address
// detection does (RFC 4862, 5.4).
package duplicate

import (
	"errors"
	"fmt"
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
	file  *os.File
	index int
	mac   net.HardwareAddr
	ip    netip.Addr
}

// Open opens a socket to ask for an address on the interface with an index and a link-layer address of Ethernet. The caller closes it.
func Open(ns *observe.NS, index int, mac net.HardwareAddr, ip netip.Addr) (*Asker, error) {
	a := &Asker{index: index, mac: mac, ip: ip}
	err := ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open a packet socket: %w", err)
		}
		a.file = os.NewFile(uintptr(fd), "duplicate")
		if ip.Is6() {
			filter := advertisementsOnly
			err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
			if err != nil {
				return fmt.Errorf("filter a packet socket: %w", err)
			}
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(a.protocol()), Ifindex: index})
	})
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
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
func (a *Asker) Close() {
	if a.file != nil {
		a.file.Close()
	}
}

func (a *Asker) protocol() uint16 {
	if a.ip.Is4() {
		return unix.ETH_P_ARP
	}
	return unix.ETH_P_IPV6
}

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
	raw, err := a.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	packet, destination := a.question()
	to := &unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(a.protocol()), Ifindex: a.index, Halen: 6}
	copy(to.Addr[:], destination)
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), packet, 0, to)
		return true
	})
	if err = errors.Join(err, sent, a.file.SetReadDeadline(time.Now().Add(answerTime))); err != nil {
		return nil, err
	}
	buf := make([]byte, 256)
	for range mostHeard {
		n, from := 0, unix.Sockaddr(nil)
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), buf, 0)
			return failed != unix.EAGAIN
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil
		}
		if err = errors.Join(err, failed); err != nil {
			return nil, err
		}
		at, is := from.(*unix.SockaddrLinklayer)
		if !is || at.Pkttype == unix.PACKET_OUTGOING || at.Halen != 6 {
			continue
		}
		if ip, mac := speaker(buf[:n], a.ip.Is4(), at.Addr[:6]); ip == a.ip && mac.String() != a.mac.String() {
			return mac, nil
		}
	}
	return nil, nil
}

// speaker returns the address as which the sender of an ARP packet or a neighbour advertisement speaks, and the sender's link-layer
// address. The zero Addr stands for none.
func speaker(packet []byte, four bool, sender []byte) (ip netip.Addr, mac net.HardwareAddr) {
	switch {
	// An ARP packet for Ethernet and IPv4 has the sender's addresses at 8 and 14 (RFC 826).
	case four && len(packet) >= 28 && packet[4] == 6 && packet[5] == 4:
		ip, _ = netip.AddrFromSlice(packet[14:18])
		return ip, append(net.HardwareAddr(nil), packet[8:14]...)
	// A neighbour advertisement has the address at 8 (RFC 4861, 4.4).
	case !four && len(packet) >= headerIPv6+24 && packet[headerIPv6] == advertisement:
		ip, _ = netip.AddrFromSlice(packet[headerIPv6+8 : headerIPv6+24])
		return ip, append(net.HardwareAddr(nil), sender...)
	}
	return ip, nil
}
