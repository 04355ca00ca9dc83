package tests

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// advertise says on an interface, every tenth of a second, that this host is a router (RFC 4861, section 4.2).
func advertise(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: advertise DEV")
	}
	dev, err := net.InterfaceByName(args[0])
	if err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6)
	if err != nil {
		return err
	}
	const farthest = 255 // what comes from farther away is no neighbour's
	if err := unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, farthest); err != nil {
		return err
	}
	// Type, code, checksum (the kernel's), hop limit, flags, lifetime in seconds (1800), reachable time, retrans timer.
	message := []byte{134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	all := &unix.SockaddrInet6{Addr: [16]byte{0xff, 2, 15: 1}, ZoneId: uint32(dev.Index)}
	for {
		// The link-local address may be tentative for a while.
		if err := unix.Sendto(socket, message, 0, all); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("advertise on %s: %w", dev.Name, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
