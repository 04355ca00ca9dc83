// Package probe sends real packets from within a network namespace and reports whether they arrive: an echo, a TCP connection, or an
// HTTP request. It runs no program and no shell, and writes nothing but its own packets. Time and bytes are bounded.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Method is what a probe sends.
type Method string

// The methods.
const (
	Echo Method = "ping"
	TCP  Method = "tcp"
	HTTP Method = "http"
)

// Target is where a probe goes.
type Target struct {
	Method Method
	// Address is the address and, but for an echo, the port.
	Address netip.AddrPort
	// URL is what an HTTP probe asks for. Its host is not looked up: the request goes to Address.
	URL string
}

func (t Target) String() string {
	switch t.Method {
	case Echo:
		return t.Address.Addr().String()
	case HTTP:
		return t.URL
	}
	return t.Address.String()
}

// Result is what became of a probe.
type Result struct {
	// Arrived: an answer came.
	Arrived bool `json:"arrived"`
	// Text says what came, or why nothing did.
	Text string `json:"text"`
	// Took is the time to the answer, or until linkd gave up.
	Took time.Duration `json:"-"`
	// Size is the length in bytes of the IP packet that was not answered, if shorter ones were; otherwise 0.
	Size int `json:"size,omitempty"`
}

// Send sends what the target says from within a namespace, and waits for the answer until within has passed. It returns when ctx
// ends.
func Send(ctx context.Context, ns *observe.NS, t Target, within time.Duration) Result {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := time.Now()
	var text string
	var err error
	switch t.Method {
	case Echo:
		text, err = echo(ctx, ns, t.Address.Addr(), within)
	case TCP:
		var conn net.Conn
		if conn, err = dial(ctx, ns, unix.SOCK_STREAM, t.Address); err == nil {
			text = "connected"
			err = conn.Close()
		}
	case HTTP:
		text, err = get(ctx, ns, t)
	default:
		err = fmt.Errorf("%q is no method of a probe", t.Method)
	}
	r := Result{Arrived: err == nil, Text: text, Took: time.Since(began)}
	if large := (*tooLarge)(nil); errors.As(err, &large) {
		r.Size = large.size
	}
	if err != nil {
		r.Text = why(err, within)
	}
	return r
}

// why says why no answer came.
func why(err error, within time.Duration) string {
	var timeout net.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, new(*tooLarge)):
		return err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout() && !errors.As(err, &errno):
		return fmt.Sprintf("no answer within %v", within)
	case errors.As(err, &errno) && errno == unix.EPERM:
		return "the firewall of the namespace refuses to send it (operation not permitted)"
	case errors.As(err, &errno) && !errors.As(err, new(*reported)):
		return errno.Error()
	}
	return err.Error()
}

// dial connects a socket that belongs to a namespace. Kind is unix.SOCK_STREAM or unix.SOCK_DGRAM.
func dial(ctx context.Context, ns *observe.NS, kind int, to netip.AddrPort) (net.Conn, error) {
	fd, err := socket(ns, to.Addr(), kind, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "probe")
	defer file.Close()
	err = unix.Connect(fd, sockaddr(to))
	if errors.Is(err, unix.EINPROGRESS) {
		if err = wait(ctx, fd, unix.POLLOUT); err == nil {
			err = pending(fd)
		}
	}
	if err != nil {
		return nil, err
	}
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(deadline)
	}
	return conn, err
}

// socket opens a socket inside a namespace. It belongs to the namespace whichever thread uses it.
func socket(ns *observe.NS, to netip.Addr, kind, protocol int) (fd int, err error) {
	family := unix.AF_INET6
	if to.Is4() {
		family = unix.AF_INET
	}
	err = ns.Do(func() (err error) {
		fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("open a socket in %s: %w", ns.Name, err)
	}
	return fd, nil
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

// pending is the error that a socket has, which reading clears.
func pending(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = syscall.Errno(errno)
	}
	return err
}

// longestPoll is how long linkd waits for a socket before it looks whether the context has ended.
const longestPoll = 100 * time.Millisecond

// wait waits for events of a socket.
func wait(ctx context.Context, fd int, events int16) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		polled := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(polled, int(longestPoll/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if n > 0 {
			return nil
		}
	}
}
