package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// measureRoutes has a routing daemon's routes beside linkd's own.
func measureRoutes(s settings, t *table) error {
	if err := makeNamespaces([]string{"router"}); err != nil {
		return err
	}
	var own strings.Builder
	for i := range s.events {
		fmt.Fprintf(&own, "{to: 10.200.%d.0/24, via: 10.100.0.2}, ", i)
	}
	d, err := start(s, "namespaces: {router: {}}\nlinks:\n  router:\n    kind: veth\n    ends:\n      - {netns: host, name: vrouter}\n"+
		"      - {netns: router, name: eth0, addresses: [10.100.0.1/24], routes: ["+own.String()+"]}\n")
	if err != nil {
		return err
	}
	var others strings.Builder
	for i := range s.many {
		fmt.Fprintf(&others, "route add 11.%d.%d.%d/32 via 10.100.0.2 proto bird\n", i>>16&255, i>>8&255, i&255)
	}
	if err := ip("router", others.String()); err != nil {
		return err
	}
	if err := d.wait(); err != nil {
		return err
	}
	h, err := at("router")
	if err != nil {
		return err
	}
	defer h.Close()
	gateway := net.IPv4(10, 100, 0, 2)
	cost, err := d.each(s.events, func(i int) error {
		return h.RouteAdd(&netlink.Route{Dst: host(12, i), Gw: gateway, Protocol: unix.RTPROT_BIRD})
	})
	if err != nil {
		return err
	}
	t.add("a foreign route's event, beside many routes", s.many, inMilliseconds(cost), "at most 0.1 ms")
	cost, err = d.each(s.events, func(i int) error {
		to := &net.IPNet{IP: net.IPv4(10, 200, byte(i), 0), Mask: net.CIDRMask(24, 32)}
		if err := h.RouteDel(&netlink.Route{Dst: to, Gw: gateway}); err != nil {
			return err
		}
		return until("route", func() bool {
			routes, err := h.RouteGet(net.IPv4(10, 200, byte(i), 1))
			return err == nil && len(routes) == 1
		})
	})
	if err != nil {
		return err
	}
	t.add("own route repaired, beside many routes", s.many, inMilliseconds(cost), "at most 2 ms")
	return d.end()
}

func host(first, i int) *net.IPNet {
	return &net.IPNet{IP: net.IPv4(byte(first), byte(i>>16), byte(i>>8), byte(i)), Mask: net.CIDRMask(32, 32)}
}

// measureAddresses has an interface with very many addresses.
func measureAddresses(s settings, t *table) error {
	if err := makeNamespaces([]string{"holder"}); err != nil {
		return err
	}
	many := s.many / 10
	var addresses strings.Builder
	for i := range many {
		fmt.Fprintf(&addresses, "%s/32, ", host(13, i).IP)
	}
	d, err := start(s, "namespaces: {holder: {}}\nlinks:\n  holder:\n    kind: veth\n    ends:\n      - {netns: host, name: vholder}\n"+
		"      - {netns: holder, name: eth0, addresses: ["+addresses.String()+"]}\n")
	if err != nil {
		return err
	}
	h, err := at("holder")
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	cost, err := d.each(s.events, func(i int) error {
		address := host(13, i*(many/s.events))
		if err := h.AddrDel(link, &netlink.Addr{IPNet: address}); err != nil {
			return err
		}
		return until("address", func() bool {
			routes, err := h.RouteGet(address.IP)
			return err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL
		})
	})
	if err != nil {
		return err
	}
	t.add("one address of many repaired", many, inMilliseconds(cost), "at most 2 ms")
	return d.end()
}

// measurePublish edits one of many entries of a file.
func measurePublish(s settings, t *table) error {
	if err := makeNamespaces([]string{"published"}); err != nil {
		return err
	}
	many := s.many / 100
	file := func(edited int) string {
		var b strings.Builder
		b.WriteString("namespaces:\n  published:\n    iptables:\n      publish:\n")
		for i := range many {
			to := 1
			if i < edited {
				to = 2
			}
			fmt.Fprintf(&b, "        - {protocol: tcp, port: %d, to: \"10.18.0.%d:80\"}\n", 10000+i, to)
		}
		return b.String()
	}
	d, err := start(s, file(0))
	if err != nil {
		return err
	}
	cost, err := d.each(min(s.events, 10), func(i int) error {
		if err := d.write(file(i + 1)); err != nil {
			return err
		}
		return d.reload()
	})
	if err != nil {
		return err
	}
	t.add("one of many publish entries edited (without iptables itself)", many, inMilliseconds(cost), "at most 300 ms")
	return d.end()
}
