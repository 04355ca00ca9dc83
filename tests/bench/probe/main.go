// Command probe is the only process of a container of the benchmark: it notes when its network works, which is when the
// first ping of its gateway is answered, and then waits to be stopped. It hears of the default route from the kernel, so
// that it takes no time from others until it has something to do.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// patience is how long the probe waits for an answer before it asks again.
const patience = 2 * time.Millisecond

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: probe GATEWAY FILE")
		os.Exit(2)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if err := note(net.ParseIP(os.Args[1]).To4(), os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
	<-stop
}

// note writes to a file the time of the first answer, in nanoseconds since 1970.
func note(gateway net.IP, file string) error {
	if err := awaitRoute(); err != nil {
		return fmt.Errorf("wait for a default route: %w", err)
	}
	at, err := ping(gateway)
	if err != nil {
		return fmt.Errorf("ping %s: %w", gateway, err)
	}
	unfinished := file + ".unfinished"
	if err := os.WriteFile(unfinished, strconv.AppendInt(nil, at.UnixNano(), 10), 0o644); err != nil {
		return err
	}
	return os.Rename(unfinished, file)
}

func awaitRoute() error {
	news, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_ROUTE)
	if err != nil {
		return err
	}
	defer news.Close()
	// The request comes after the subscription, so that no route is missed.
	request := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	request.AddData(nl.NewRtMsg())
	routes, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if isDefault(r) {
			return nil
		}
	}
	for {
		messages, _, err := news.Receive()
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Header.Type == unix.RTM_NEWROUTE && isDefault(m.Data) {
				return nil
			}
		}
	}
}

// isDefault judges a struct rtmsg of IPv4 and what follows it.
func isDefault(message []byte) bool {
	return message[0] == unix.AF_INET && nl.DeserializeRtMsg(message).Dst_len == 0
}

// ping returns when the first echo was answered (RFC 792).
func ping(gateway net.IP) (time.Time, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	if err != nil {
		return time.Time{}, err
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return time.Time{}, err
	}
	const headerLen = 20
	to := &unix.SockaddrInet4{Addr: [4]byte(gateway)}
	// Type 8, code 0, the checksum of all that, identifier and sequence 0.
	echo := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
	answer := make([]byte, 256)
	for {
		if err := unix.Sendto(fd, echo, 0, to); err != nil {
			return time.Time{}, err
		}
		n, _, err := unix.Recvfrom(fd, answer, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return time.Time{}, err
		case n > headerLen && answer[headerLen] == 0:
			return time.Now(), nil
		}
	}
}
