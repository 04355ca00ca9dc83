package dhcp

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	clientPort4, serverPort4 = 68, 67
	headerIP, headerUDP      = 20, 8
	// largestPacket is the length of the longest packet that linkd takes, with IPv4's options.
	largestPacket = headerIP + 40 + headerUDP + largestMessage
)

var carrier4 = &carrier{
	protocol: unix.ETH_P_IP, filter: answers4, everyone: netip.AddrFrom4([4]byte{255, 255, 255, 255}),
	everyMAC: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, pack: pack4, unpack: unpack4,
}

// answers4 passes IPv4 packets that are no later fragment.
var answers4 = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.IPPROTO_UDP, Jf: 6},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: 6},
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x3fff, Jt: 4},
	{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0},
	{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: clientPort4, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 65535},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// pack4 returns an IPv4 packet with a message from the client's port to the server's (RFC 791, RFC 768).
func pack4(from, to netip.Addr, message []byte) []byte {
	p := make([]byte, headerIP+headerUDP, headerIP+headerUDP+len(message))
	p[0], p[8], p[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(p[2:], uint16(headerIP+headerUDP+len(message)))
	copy(p[12:], from.AsSlice())
	copy(p[16:], to.AsSlice())
	binary.BigEndian.PutUint16(p[10:], checksum(p[:headerIP]))
	udp := p[headerIP:]
	binary.BigEndian.PutUint16(udp, clientPort4)
	binary.BigEndian.PutUint16(udp[2:], serverPort4)
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

// unpack4 does not check the checksum of UDP, which a packet from a virtual interface need not have yet.
func unpack4(packet []byte) (message []byte, from netip.Addr) {
	if len(packet) < headerIP || packet[0]>>4 != 4 {
		return nil, from
	}
	header, total := int(packet[0]&0xf)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if header < headerIP || total > len(packet) || total < header+headerUDP || packet[9] != unix.IPPROTO_UDP {
		return nil, from
	}
	udp := packet[header:total]
	length := int(binary.BigEndian.Uint16(udp[4:]))
	if length < headerUDP || length > len(udp) || binary.BigEndian.Uint16(udp) != serverPort4 || binary.BigEndian.Uint16(udp[2:]) != clientPort4 {
		return nil, from
	}
	from, _ = netip.AddrFromSlice(packet[12:16])
	return udp[headerUDP:length], from
}
