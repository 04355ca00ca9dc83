package observe

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// routeSocket is a socket for requests to rtnetlink(7). It blocks, and package os does not know it: with a socket of package
// netlink, the runtime's poller would wake a thread for each answer.
type routeSocket struct {
	fd int

	// mu is locked for a request and its answers.
	mu sync.Mutex
	// seq is the number of the last request. A random start avoids the numbers of an earlier socket with the same port (see echoes).
	seq uint32
	// port is the port of the socket; 0 until it is asked for.
	port uint32
}

// newRouteSocket opens a socket in the thread's namespace.
func newRouteSocket() (*routeSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a route socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind a route socket: %w", err)
	}
	// The kernel's message says more than its errno: "Nexthop has invalid gateway" and not "no route to host".
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	// With strict checking the kernel filters dumps by the fields of the request (netlink(7), since 4.20).
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	return &routeSocket{fd: fd, seq: rand.Uint32()}, nil
}

// send sends a request to the kernel.
func (s *routeSocket) send(req *nl.NetlinkRequest) error {
	return unix.Sendto(s.fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// ownPort returns the port of the socket; ok is false if it is not known.
func (s *routeSocket) ownPort() (port uint32, ok bool) {
	if s.port == 0 {
		address, err := unix.Getsockname(s.fd)
		own, is := address.(*unix.SockaddrNetlink)
		if err != nil || !is {
			return 0, false
		}
		s.port = own.Pid
	}
	return s.port, true
}

func (s *routeSocket) close() { unix.Close(s.fd) }
