package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"linkd/tests/bench/job"
)

// listener hears what the kernel says in one namespace.
type listener struct{ socket *nl.NetlinkSocket }

func listen(ns netns.NsHandle, groups ...uint) (listener, error) {
	socket, err := nl.SubscribeAt(ns, netns.None(), unix.NETLINK_ROUTE, groups...)
	if err != nil {
		return listener{}, err
	}
	timeout := unix.NsecToTimeval(patience.Nanoseconds())
	return listener{socket}, socket.SetReceiveTimeout(&timeout)
}

func (l listener) close() { l.socket.Close() }

type matcher struct {
	name    string
	matches func(syscall.NetlinkMessage) bool
}

// heard says when each of the expected messages was read, in their order.
type heard struct {
	times []time.Time
	err   error
}

// expect reads on a thread of its own, so that news is timed when it comes and not when the deletion that
// caused it has returned to its caller.
func (l listener) expect(wanted ...matcher) <-chan heard {
	result := make(chan heard, 1)
	go func() {
		var h heard
		for len(h.times) < len(wanted) && h.err == nil {
			h.err = l.next(wanted, &h)
		}
		result <- h
	}()
	return result
}

func (l listener) next(wanted []matcher, h *heard) error {
	messages, _, err := l.socket.Receive()
	now := time.Now()
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", wanted[len(h.times)].name, err)
	}
	for _, m := range messages {
		if len(h.times) < len(wanted) && wanted[len(h.times)].matches(m) {
			h.times = append(h.times, now)
		}
	}
	return nil
}

func isAddress(kind uint16, w job.Wire) matcher {
	return matcher{"the address", func(m syscall.NetlinkMessage) bool {
		local, ok := attribute(m, unix.SizeofIfAddrmsg, unix.IFA_LOCAL)
		return m.Header.Type == kind && ok && string(local) == string(w.Address.Addr().AsSlice())
	}}
}

func isDefaultRoute(w job.Wire) matcher {
	return matcher{"the default route", func(m syscall.NetlinkMessage) bool {
		if m.Header.Type != unix.RTM_NEWROUTE || nl.DeserializeRtMsg(m.Data).Dst_len != 0 {
			return false
		}
		gateway, ok := attribute(m, unix.SizeofRtMsg, unix.RTA_GATEWAY)
		return ok && string(gateway) == string(w.Bridge.Gateway.Addr().AsSlice())
	}}
}

// isGone is not fooled by the message of the same type that says that a port has left its bridge: that one
// comes in the family AF_BRIDGE.
func isGone(w job.Wire) matcher {
	return matcher{"the loss of the veth", func(m syscall.NetlinkMessage) bool {
		return m.Header.Type == unix.RTM_DELLINK && m.Data[0] == unix.AF_UNSPEC && linkName(m) == w.Host
	}}
}

func isPort(w job.Wire, bridge int) matcher {
	return matcher{"the veth as a port that is up", func(m syscall.NetlinkMessage) bool {
		if m.Header.Type != unix.RTM_NEWLINK || linkName(m) != w.Host {
			return false
		}
		master, ok := attribute(m, unix.SizeofIfInfomsg, unix.IFLA_MASTER)
		up := nl.DeserializeIfInfomsg(m.Data).Flags&unix.IFF_UP != 0
		return ok && up && nl.NativeEndian().Uint32(master) == uint32(bridge)
	}}
}

func linkName(m syscall.NetlinkMessage) string {
	name, _ := attribute(m, unix.SizeofIfInfomsg, unix.IFLA_IFNAME)
	return strings.TrimRight(string(name), "\x00")
}

// attribute finds one after a header of the given size.
func attribute(m syscall.NetlinkMessage, header int, kind uint16) ([]byte, bool) {
	if len(m.Data) < header {
		return nil, false
	}
	attributes, err := nl.ParseRouteAttr(m.Data[header:])
	if err != nil {
		return nil, false
	}
	for _, a := range attributes {
		if a.Attr.Type == kind {
			return a.Value, true
		}
	}
	return nil, false
}
