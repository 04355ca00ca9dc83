package main

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// socket talks to the kernel in the namespace its thread was in when it was opened.
type socket struct{ fd int }

func open() (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return socket{}, err
	}
	// One write must fit the send buffer whole, and the default holds about 1,000 messages.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 1<<22); err != nil {
		return socket{}, err
	}
	// An answer then carries the header of what it answers, not all of it.
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1); err != nil {
		return socket{}, err
	}
	return socket{fd}, nil
}

func (s socket) close() { unix.Close(s.fd) }

// index asks by ioctl: unlike RTM_GETLINK that takes no lock, and a netlink socket answers it too.
func (s socket) index(name string) (int, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(s.fd, unix.SIOCGIFINDEX, r); err != nil {
		return 0, fmt.Errorf("index of %s: %w", name, err)
	}
	return int(r.Uint32()), nil
}

// send hands all requests over in one write. The kernel works through them before the write returns, and
// answers only errors, and the last one: an answer to each would overflow the receive buffer.
func (s socket) send(requests []*nl.NetlinkRequest) error {
	last := requests[len(requests)-1]
	last.Flags |= unix.NLM_F_ACK
	var out []byte
	for _, r := range requests {
		out = append(out, r.Serialize()...)
		for len(out)%unix.NLMSG_ALIGNTO != 0 {
			out = append(out, 0)
		}
	}
	if _, err := unix.Write(s.fd, out); err != nil {
		return err
	}
	in := make([]byte, 4096)
	for {
		n, err := unix.Read(s.fd, in)
		if err != nil {
			return err
		}
		if n < unix.SizeofNlMsghdr+4 {
			return fmt.Errorf("an answer of %d bytes", n)
		}
		if errno := int32(nl.NativeEndian().Uint32(in[unix.SizeofNlMsghdr:])); errno != 0 {
			return unix.Errno(-errno)
		}
		if nl.NativeEndian().Uint32(in[8:]) == last.Seq {
			return nil
		}
	}
}
