package observe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// PacketSocket sends and receives packets of one protocol of Ethernet on one interface (packet(7)). It needs no address, and a firewall
// of the namespace does not concern it. While it is open, its namespace does not end.
type PacketSocket struct {
	file     *os.File
	protocol uint16
	index    int
}

// OpenPackets opens a packet socket on the interface with an index. It receives the packets that the filter passes; all if that is nil.
// The caller closes it.
func (ns *NS) OpenPackets(index int, protocol uint16, filter []unix.SockFilter) (*PacketSocket, error) {
	p := &PacketSocket{protocol: protocol, index: index}
	err := ns.Do(func() error {
		// Without a protocol it receives nothing before the filter is set and it is bound.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open a packet socket: %w", err)
		}
		p.file = os.NewFile(uintptr(fd), "packets")
		if filter != nil {
			err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
			if err != nil {
				return fmt.Errorf("filter a packet socket: %w", err)
			}
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: NetworkOrder(protocol), Ifindex: index})
	})
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close closes the socket.
func (p *PacketSocket) Close() {
	if p.file != nil {
		p.file.Close()
	}
}

// SetReadDeadline ends Receive at a time, with an error that is os.ErrDeadlineExceeded. It may be called from any goroutine.
func (p *PacketSocket) SetReadDeadline(at time.Time) error { return p.file.SetReadDeadline(at) }

// Send sends a packet to a link-layer address of Ethernet.
func (p *PacketSocket) Send(packet []byte, to net.HardwareAddr) error {
	at := &unix.SockaddrLinklayer{Protocol: NetworkOrder(p.protocol), Ifindex: p.index, Halen: 6}
	copy(at.Addr[:], to)
	raw, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), packet, 0, at)
		return true
	})
	return errors.Join(err, sent)
}

// Receive waits for the next packet, and returns its length and the link-layer address that sent it: nil if this machine did, or if the
// sender has no address of Ethernet.
func (p *PacketSocket) Receive(into []byte) (n int, from net.HardwareAddr, err error) {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	var sender unix.Sockaddr
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, sender, failed = unix.Recvfrom(int(fd), into, 0)
		return failed != unix.EAGAIN
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, nil, err
	}
	if at, is := sender.(*unix.SockaddrLinklayer); is && at.Pkttype != unix.PACKET_OUTGOING && at.Halen == 6 {
		from = append(from, at.Addr[:6]...)
	}
	return n, from, nil
}
