package observe

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// longestDatagram is larger than any datagram of the kernel: 32 KiB, or one message. The alternative names of one
// interface can take 64 KiB (rtnl_alt_ifname in net/core/rtnetlink.c), while nl.NetlinkRequest.Execute reads at most
// 64 KiB. The root user of a namespace can set these names, and the interface keeps them when the namespace ends.
const longestDatagram = 256 << 10

var datagrams = sync.Pool{New: func() any { return new([longestDatagram]byte) }}

// execute sends a request and returns the answers of type answer (0: any). If keep is not nil, it returns only the
// answers that keep accepts; keep must not retain its argument. It replaces nl.NetlinkRequest.Execute for answers of
// up to longestDatagram.
func (ns *NS) execute(req *nl.NetlinkRequest, answer uint16, keep func(msg []byte) bool) (answers [][]byte, err error) {
	socket := ns.route
	socket.mu.Lock()
	defer socket.mu.Unlock()
	socket.seq++
	req.Seq = socket.seq
	if req.Flags&unix.NLM_F_ECHO != 0 {
		ns.expectEcho(req.Seq)
	}
	if err := socket.send(req); err != nil {
		return nil, err
	}
	buf := datagrams.Get().(*[longestDatagram]byte)
	defer datagrams.Put(buf)
	interrupted := false
	for {
		n, err := receive(socket.fd, buf)
		if err != nil {
			return nil, err
		}
		rest := buf[:n]
		if keep == nil {
			rest = bytes.Clone(rest)
		}
		for len(rest) >= unix.SizeofNlMsghdr {
			var m syscall.NetlinkMessage
			if m, rest, err = nextMessage(rest); err != nil {
				return nil, err
			}
			if m.Header.Seq != req.Seq {
				// The answer belongs to an earlier request, which failed.
				continue
			}
			interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			last := m.Header.Type == unix.NLMSG_DONE || m.Header.Type == unix.NLMSG_ERROR
			switch {
			case last:
				if err := outcome(m); err != nil {
					return nil, err
				}
			case answer == 0 || m.Header.Type == answer:
				if keep == nil {
					answers = append(answers, m.Data)
				} else if keep(m.Data) {
					answers = append(answers, bytes.Clone(m.Data))
				}
				last = m.Header.Flags&unix.NLM_F_MULTI == 0 && req.Flags&unix.NLM_F_ACK == 0
			}
			switch {
			case last && interrupted:
				return answers, netlink.ErrDumpInterrupted
			case last:
				return answers, nil
			}
		}
	}
}

// nextMessage returns the first message in b and the rest, as syscall.ParseNetlinkMessage does for all messages.
func nextMessage(b []byte) (m syscall.NetlinkMessage, rest []byte, err error) {
	native := nl.NativeEndian()
	m.Header = syscall.NlMsghdr{
		Len: native.Uint32(b), Type: native.Uint16(b[4:]), Flags: native.Uint16(b[6:]), Seq: native.Uint32(b[8:]), Pid: native.Uint32(b[12:]),
	}
	length := int(m.Header.Len)
	if length < unix.SizeofNlMsghdr || length > len(b) {
		return m, nil, unix.EINVAL
	}
	m.Data = b[unix.SizeofNlMsghdr:length]
	return m, b[min((length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(b)):], nil
}

// receive waits for a datagram from the kernel. The root user of the socket's namespace can send one, too.
func receive(socket int, buf *[longestDatagram]byte) (n int, err error) {
	for {
		n, from, err := unix.Recvfrom(socket, buf[:], unix.MSG_TRUNC)
		sender, _ := from.(*unix.SockaddrNetlink)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(socket), Events: unix.POLLIN}}, -1); err != nil && !errors.Is(err, unix.EINTR) {
				return 0, err
			}
		case err != nil:
			return 0, err
		case sender == nil || sender.Pid != nl.PidKernel:
			return 0, errors.New("another process than the kernel answers")
		case n > len(buf):
			return 0, fmt.Errorf("an answer of %d bytes is too large: linkd reads at most %d", n, len(buf))
		default:
			return n, nil
		}
	}
}

// outcome returns the error of an acknowledgement, with the kernel's message (NLMSGERR_ATTR_MSG in linux/netlink.h).
func outcome(m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return nil
	}
	native := nl.NativeEndian()
	code := int32(native.Uint32(m.Data))
	if code == 0 {
		return nil
	}
	err := error(syscall.Errno(-code))
	rest := m.Data[4:]
	if m.Header.Type != unix.NLMSG_ERROR || m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 || len(rest) < unix.SizeofNlMsghdr {
		return err
	}
	// The request, or its header, comes before the attributes.
	echo := int(native.Uint32(rest)+unix.NLMSG_ALIGNTO-1) &^ (unix.NLMSG_ALIGNTO - 1)
	if m.Header.Flags&unix.NLM_F_CAPPED != 0 {
		echo = unix.SizeofNlMsghdr
	}
	if echo > len(rest) {
		return err
	}
	_ = EachAttr(rest[echo:], func(kind uint16, value []byte) error {
		if kind == nl.NLMSGERR_ATTR_MSG {
			err = fmt.Errorf("%w: %s", err, unix.ByteSliceToString(value))
		}
		return nil
	})
	return err
}
