package main

import (
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// good is the namespace in which something is repaired.
func good() (h *netlink.Handle, lo netlink.Link, updates chan netlink.AddrUpdate, done chan struct{}, err error) {
	ns, err := netns.GetFromName("good")
	if err != nil {
		return nil, nil, nil, nil, err
	}
	if h, err = netlink.NewHandleAt(ns, unix.NETLINK_ROUTE); err != nil {
		return nil, nil, nil, nil, err
	}
	if lo, err = h.LinkByName("lo"); err != nil {
		return nil, nil, nil, nil, err
	}
	updates, done = make(chan netlink.AddrUpdate, 1024), make(chan struct{})
	err = netlink.AddrSubscribeAt(ns, updates, done)
	return h, lo, updates, done, err
}

// pause is between two losses.
const pause = 300 * time.Millisecond

// longest is how long a repair may take before it is given up.
const longest = 5 * time.Minute

// measureRepairs deletes one address after the other, and takes the time from when the kernel says so to when it says that
// the address is back. Each is deleted once: the same loss again and again is flapping.
func measureRepairs() (all []time.Duration, err error) {
	h, lo, updates, done, err := good()
	if err != nil {
		return nil, err
	}
	defer close(done)
	for i := range repairs {
		address := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 0, 0, byte(i+1)), Mask: net.CIDRMask(32, 32)}}
		if err := h.AddrDel(lo, address); err != nil {
			return nil, fmt.Errorf("delete %s: %w", address.IP, err)
		}
		var gone time.Time
		for limit := time.After(longest); ; {
			select {
			case u := <-updates:
				if !u.LinkAddress.IP.Equal(address.IP) {
					continue
				}
				if !u.NewAddr {
					gone = time.Now()
					continue
				}
				all = append(all, time.Since(gone))
			case <-limit:
				return nil, fmt.Errorf("%s is not back after %s", address.IP, longest)
			}
			break
		}
		time.Sleep(pause)
	}
	return all, nil
}

// chase restores each address that is deleted.
func chase() error {
	h, lo, updates, _, err := good()
	if err != nil {
		return err
	}
	for u := range updates {
		if u.NewAddr {
			continue
		}
		if err := h.AddrAdd(lo, &netlink.Addr{IPNet: &u.LinkAddress}); err != nil {
			return err
		}
	}
	return nil
}
