package dhcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

const (
	clientPort, serverPort = 68, 67
	headerIP, headerUDP    = 20, 8
	// mostPackets is how many packets of others a client reads while it waits for one answer.
	mostPackets = 256
)

// port is a packet socket on an interface. A packet socket needs no address, and a firewall of the namespace does not concern it.
// While it is open, the namespace does not end.
type port struct {
	file     *os.File
	index    int
	identity observe.Identity
	mac      net.HardwareAddr
	// interrupted: nobody waits for an answer any more.
	interrupted atomic.Bool
}

// openPort opens a port on an interface that can send. The error is for status.
func openPort(world *observe.World, ns, device string) (*port, error) {
	session := world.NewSession()
	defer session.Close()
	in, err := session.Open(ns)
	if err != nil {
		return nil, err
	}
	link, err := in.LinkByName(device)
	switch {
	case errors.Is(err, unix.ENODEV), err == nil && link == nil:
		return nil, observe.Pendingf("%s does not exist yet", device)
	case err != nil:
		return nil, err
	case !link.Up():
		return nil, observe.Pendingf("%s is down", device)
	case link.Flags&unix.IFF_RUNNING == 0:
		return nil, observe.Pendingf("%s has no carrier", device)
	}
	p := &port{index: link.Index, identity: in.Identity}
	if p.mac, err = net.ParseMAC(link.MAC); err != nil || len(p.mac) != 6 || link.Flags&unix.IFF_LOOPBACK != 0 {
		return nil, fmt.Errorf("%s has no Ethernet address, which DHCP needs", device)
	}
	err = in.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open a packet socket: %w", err)
		}
		p.file = os.NewFile(uintptr(fd), "dhcp")
		filter := answersOnly
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
		if err != nil {
			return fmt.Errorf("filter a packet socket: %w", err)
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(unix.ETH_P_IP), Ifindex: p.index})
	})
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// answersOnly passes whole IPv4 packets of UDP to the client's port (packet(7), SO_ATTACH_FILTER).
var answersOnly = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.IPPROTO_UDP, Jf: 6},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 6},
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x3fff, Jt: 4},
	{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: clientPort, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 65535},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

func (p *port) close() {
	if p.file != nil {
		p.file.Close()
	}
}

// send sends a message: to one server from the client's address, whose link-layer address may be unknown (nil), or to all.
func (p *port) send(m *dhcpv4.DHCPv4, from, server netip.Addr, mac net.HardwareAddr) error {
	to := unix.SockaddrLinklayer{Protocol: observe.NetworkOrder(unix.ETH_P_IP), Ifindex: p.index, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	if len(mac) == 6 {
		copy(to.Addr[:], mac)
	}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), datagram(from, server, m.ToBytes()), 0, &to)
		return true
	})
	return errors.Join(err, sent)
}

// datagram returns an IPv4 packet with a message from the client's port to the server's (RFC 791, RFC 768).
func datagram(from, to netip.Addr, message []byte) []byte {
	p := make([]byte, headerIP+headerUDP, headerIP+headerUDP+len(message))
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(p[2:], uint16(headerIP+headerUDP+len(message)))
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[10:], checksum(p[:headerIP]))
	udp := p[headerIP:]
	binary.BigEndian.PutUint16(udp, clientPort)
	binary.BigEndian.PutUint16(udp[2:], serverPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(headerUDP+len(message)))
	// Without a checksum (0) the message is valid, too.
	return append(p, message...)
}

// checksum returns the checksum of an IPv4 header (RFC 1071).
func checksum(header []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// receive returns the next message that comes until a time, and the link-layer address that sent it. It returns nil if none comes, or
// if interrupt has been called.
func (p *port) receive(until time.Time) (m *dhcpv4.DHCPv4, mac net.HardwareAddr) {
	if p.file.SetReadDeadline(until) != nil || p.interrupted.Load() {
		return nil, nil
	}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return nil, nil
	}
	buf := make([]byte, headerIP+40+headerUDP+largestMessage)
	for range mostPackets {
		n, sender := 0, unix.Sockaddr(nil)
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, sender, failed = unix.Recvfrom(int(fd), buf, 0)
			return failed != unix.EAGAIN
		})
		if err != nil || failed != nil {
			return nil, nil
		}
		from, is := sender.(*unix.SockaddrLinklayer)
		if m := parse(buf[:n]); m != nil && is && from.Pkttype != unix.PACKET_OUTGOING && from.Halen == 6 {
			return m, net.HardwareAddr(from.Addr[:6])
		}
	}
	return nil, nil
}

// interrupt ends a receive that waits, and makes later ones return at once. It may be called from any goroutine.
func (p *port) interrupt() {
	p.interrupted.Store(true)
	_ = p.file.SetReadDeadline(time.Unix(1, 0))
}

// parse returns the message in an IPv4 packet, or nil. It does not check the checksum of UDP, which a packet from a virtual interface
// need not have yet.
func parse(packet []byte) *dhcpv4.DHCPv4 {
	if len(packet) < headerIP || packet[0]>>4 != 4 {
		return nil
	}
	header, total := int(packet[0]&0xf)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if header < headerIP || total > len(packet) || total < header+headerUDP || packet[9] != unix.IPPROTO_UDP {
		return nil
	}
	udp := packet[header:total]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if length < headerUDP || length > len(udp) || binary.BigEndian.Uint16(udp) != serverPort || binary.BigEndian.Uint16(udp[2:]) != clientPort {
		return nil
	}
	m, err := dhcpv4.FromBytes(udp[headerUDP:length])
	if err != nil {
		return nil
	}
	return m
}
