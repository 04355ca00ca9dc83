package dhcp

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
)

const (
	clientPort6, serverPort6 = 546, 547
	headerIPv6               = 40
)

// carrier6 sends to All_DHCP_Relay_Agents_and_Servers (RFC 8415, 7.1).
var carrier6 = &carrier{
	protocol: unix.ETH_P_IPV6, filter: answers6, everyone: netip.MustParseAddr("ff02::1:2"),
	everyMAC: net.HardwareAddr{0x33, 0x33, 0, 1, 0, 2}, pack: pack6, unpack: unpack6,
}

// answers6 passes IPv6 packets without extension headers.
var answers6 = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 6},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.IPPROTO_UDP, Jf: 3},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: headerIPv6 + 2},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: clientPort6, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 65535},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// pack6 returns an IPv6 packet (RFC 8200, RFC 768).
func pack6(from, to netip.Addr, message []byte) []byte {
	length := headerUDP + len(message)
	p := make([]byte, headerIPv6+headerUDP, headerIPv6+length)
	p[0], p[6], p[7] = 6<<4, unix.IPPROTO_UDP, 1
	binary.BigEndian.PutUint16(p[4:], uint16(length))
	copy(p[8:], from.AsSlice())
	copy(p[24:], to.AsSlice())
	p = append(p, message...)
	udp := p[headerIPv6:]
	binary.BigEndian.PutUint16(udp, clientPort6)
	binary.BigEndian.PutUint16(udp[2:], serverPort6)
	binary.BigEndian.PutUint16(udp[4:], uint16(length))
	sum := address.Checksum(p[8:headerIPv6], udp, unix.IPPROTO_UDP)
	if sum == 0 {
		// 0 would mean that there is none (RFC 8200, 8.1).
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return p
}

// unpack6 takes only what comes from the link. It does not check the checksum, which a packet from a virtual interface need not have
// yet. A server sends from any port (RFC 8415, 7.2).
func unpack6(packet []byte) (message []byte, from netip.Addr) {
	if len(packet) < headerIPv6+headerUDP || packet[0]>>4 != 6 || packet[6] != unix.IPPROTO_UDP {
		return nil, from
	}
	from, _ = netip.AddrFromSlice(packet[8:24])
	udp := packet[headerIPv6:]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if !from.IsLinkLocalUnicast() || length < headerUDP || length > len(udp) || binary.BigEndian.Uint16(udp[2:]) != clientPort6 {
		return nil, from
	}
	return udp[headerUDP:length], from
}
