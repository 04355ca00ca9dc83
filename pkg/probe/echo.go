package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

const (
	// smallEcho is the payload of an echo in bytes, as ping(8) has it.
	smallEcho = 56
	// echoHeader is the length of the header of an echo (RFC 792, RFC 4443), and header4 and header6 of one of IP.
	echoHeader, header4, header6 = 8, 20, 40
	// longestPacket is the length of the largest IPv4 packet.
	longestPacket = 65535
	// again is the pause after which an echo that was not answered is sent again.
	again = time.Second
	// mostShrinks is how often the size of an echo follows what routers report about the path.
	mostShrinks = 8
)

// tooLarge says that a packet of a size is not answered, though smaller ones are.
type tooLarge struct {
	small, size int
	err         error
}

func (e *tooLarge) Error() string {
	return fmt.Sprintf("an echo of %d bytes is answered, one of %d bytes is not", e.small, e.size)
}

func (e *tooLarge) Unwrap() error { return e.err }

// reported is an ICMP error from another machine or namespace.
type reported struct {
	errno syscall.Errno
	by    netip.Addr
}

func (e *reported) Error() string { return fmt.Sprintf("%v, says %s", e.errno, e.by) }
func (e *reported) Unwrap() error { return e.errno }

// pinger sends echoes to one address.
type pinger struct {
	fd     int
	to     netip.Addr
	header int // of IP
	id     uint16
	seq    uint16
}

// echo sends a small echo and then one of the size of the path's MTU, both with the prohibition to fragment them. Each may take
// the time within.
func echo(ctx context.Context, ns *observe.NS, to netip.Addr, within time.Duration) (text string, err error) {
	p, err := newPinger(ns, to)
	if err != nil {
		return "", err
	}
	defer unix.Close(p.fd)
	if err := p.ask(ctx, smallEcho); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	size := 0
	for range mostShrinks {
		if size, err = p.pathMTU(); err != nil {
			return "", err
		}
		err = p.ask(ctx, size-p.header-echoHeader)
		if !errors.Is(err, unix.EMSGSIZE) {
			break
		}
		// A router said so, and the kernel remembers the new size.
	}
	if err != nil {
		return "", &tooLarge{smallEcho + echoHeader + p.header, size, err}
	}
	return fmt.Sprintf("an echo of %d bytes is answered", size), nil
}

func newPinger(ns *observe.NS, to netip.Addr) (*pinger, error) {
	p := &pinger{to: to, header: header6, id: uint16(rand.Uint32())}
	protocol, level, discover, value, recvErr := unix.IPPROTO_ICMPV6, unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO, unix.IPV6_RECVERR
	if to.Is4() {
		p.header = header4
		protocol, level, discover, value, recvErr = unix.IPPROTO_ICMP, unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO, unix.IP_RECVERR
	}
	var err error
	if p.fd, err = socket(ns, to, unix.SOCK_RAW, protocol); err != nil {
		return nil, err
	}
	err = errors.Join(unix.SetsockoptInt(p.fd, level, discover, value), unix.SetsockoptInt(p.fd, level, recvErr, 1))
	if err == nil {
		// Only what comes from there is received, and errors about what goes there.
		err = unix.Connect(p.fd, sockaddr(netip.AddrPortFrom(to, 0)))
	}
	if err != nil {
		unix.Close(p.fd)
		return nil, err
	}
	return p, nil
}

// pathMTU is the size in bytes of the largest packet that the kernel would send there now.
func (p *pinger) pathMTU() (int, error) {
	level, option := unix.SOL_IPV6, unix.IPV6_MTU
	if p.to.Is4() {
		level, option = unix.SOL_IP, unix.IP_MTU
	}
	size, err := unix.GetsockoptInt(p.fd, level, option)
	return min(size, longestPacket), err
}

// ask sends an echo with a payload of so many bytes until it is answered.
func (p *pinger) ask(ctx context.Context, payload int) error {
	buf := make([]byte, longestPacket+header6)
	for {
		p.seq++
		// A socket that wants to know errors is told with ENOBUFS that an interface has dropped the packet (net_xmit_errno in
		// linux/netdevice.h).
		if _, err := unix.Write(p.fd, p.request(payload)); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return p.explain(err)
		}
		err := p.answer(ctx, buf)
		if !errors.Is(err, errAgain) {
			return err
		}
	}
}

// errAgain says that an echo was not answered, and there is time for another.
var errAgain = errors.New("not answered yet")

// answer waits for the answer to the last echo.
func (p *pinger) answer(ctx context.Context, buf []byte) error {
	turn, cancel := context.WithTimeout(ctx, again)
	defer cancel()
	for {
		if err := wait(turn, p.fd, unix.POLLIN); err != nil {
			if ctx.Err() == nil && turn.Err() != nil {
				return errAgain
			}
			return err
		}
		n, err := unix.Read(p.fd, buf)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		case err != nil:
			return p.explain(err)
		case p.answers(buf[:n]):
			return nil
		}
	}
}

// request is an echo request. The kernel computes the checksum of ICMPv6.
func (p *pinger) request(payload int) []byte {
	const kind4, kind6 = 8, 128
	b := make([]byte, echoHeader+payload)
	b[0] = kind6
	if p.to.Is4() {
		b[0] = kind4
	}
	binary.BigEndian.PutUint16(b[4:], p.id)
	binary.BigEndian.PutUint16(b[6:], p.seq)
	if p.to.Is4() {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// answers tells whether a message answers one of the echoes. Of IPv4, it has the header of IP.
func (p *pinger) answers(b []byte) bool {
	const kind4, kind6 = 0, 129
	kind := byte(kind6)
	if p.to.Is4() {
		if len(b) < header4 {
			return false
		}
		length := int(b[0]&0x0f) * 4
		if length > len(b) {
			return false
		}
		b, kind = b[length:], kind4
	}
	return len(b) >= echoHeader && b[0] == kind && binary.BigEndian.Uint16(b[4:]) == p.id && binary.BigEndian.Uint16(b[6:]) == p.seq
}

// explain reads who reported an error, from the queue of errors (IP_RECVERR in ip(7)).
func (p *pinger) explain(err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err
	}
	control := make([]byte, 512)
	_, n, _, _, failed := unix.Recvmsg(p.fd, make([]byte, 128), control, unix.MSG_ERRQUEUE)
	if failed != nil {
		return err
	}
	messages, failed := unix.ParseSocketControlMessage(control[:n])
	if failed != nil {
		return err
	}
	for _, m := range messages {
		if by := offender(m.Data); by.IsValid() {
			return &reported{errno, by}
		}
	}
	return err
}

// offender is who sent an error, behind a struct sock_extended_err (linux/errqueue.h).
func offender(b []byte) netip.Addr {
	const size, origin, originICMP, originICMP6 = 16, 4, 2, 3
	if len(b) < size+4 || b[origin] != originICMP && b[origin] != originICMP6 {
		return netip.Addr{}
	}
	switch from := b[size:]; {
	case binary.NativeEndian.Uint16(from) == unix.AF_INET && len(from) >= 8:
		ip, _ := netip.AddrFromSlice(from[4:8])
		return ip
	case binary.NativeEndian.Uint16(from) == unix.AF_INET6 && len(from) >= 24:
		ip, _ := netip.AddrFromSlice(from[8:24])
		return ip
	}
	return netip.Addr{}
}
