package main

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inFile is how many namespaces are in a file: it takes 100,000 lines and list items.
const inFile = 1000

// wired are the files for n namespaces, each with a veth into one of the bridges, an address and a default route.
func wired(n int) (names, files []string) {
	for first := 0; first < n; first += inFile {
		var namespaces, links strings.Builder
		for i := first; i < min(first+inFile, n); i++ {
			names = append(names, fmt.Sprintf("n%05d", i))
			fmt.Fprintf(&namespaces, "  n%05d: {}\n", i)
			fmt.Fprintf(&links, "  v%05d:\n    kind: veth\n    ends:\n      - {netns: host, name: v%05d, master: br%d}\n", i, i, i%bridges)
			fmt.Fprintf(&links, "      - {netns: n%05d, name: eth0, addresses: [%s/16], routes: [{to: default, via: 10.0.0.1}]}\n", i, addressOf(i))
		}
		files = append(files, "namespaces:\n"+namespaces.String()+"links:\n"+links.String())
	}
	return names, files
}

func addressOf(i int) net.IP { return net.IPv4(10, 0, byte(1+i/250), byte(1+i%250)) }

func measureNamespaces(s settings, t *table) error {
	if err := makeBridges(); err != nil {
		return err
	}
	for _, n := range s.sizes {
		names, files := wired(n)
		if err := makeNamespaces(names); err != nil {
			return err
		}
		d, err := start(s, files...)
		if err != nil {
			return err
		}
		events := min(s.events, n/2)
		step := n / (2 * events)
		cost, err := d.each(events, func(i int) error { return loseAddress(i * step) })
		if err != nil {
			return err
		}
		t.add("deleted address, with its route", n, inMilliseconds(cost), "at most 1 ms")
		cost, err = d.each(events, func(i int) error { return loseVeth((events + i) * step) })
		if err != nil {
			return err
		}
		t.add("deleted veth, whole again", n, inMilliseconds(cost), "at most 4 ms")
		idle, err := d.idle()
		if err != nil {
			return err
		}
		t.add("idle", n, fmt.Sprintf("%.3f %%", 100*idle), "at most 0.1 %")
		memory, err := d.resident()
		if err != nil {
			return err
		}
		t.add("memory, the most", n, fmt.Sprintf("%d MB", memory/1e6), "at most 400 MB")
		if err := d.end(); err != nil {
			return err
		}
	}
	return nil
}

func loseAddress(i int) error {
	h, err := at(fmt.Sprintf("n%05d", i))
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := h.AddrDel(link, &netlink.Addr{IPNet: &net.IPNet{IP: addressOf(i), Mask: net.CIDRMask(16, 32)}}); err != nil {
		return err
	}
	return until("default route", func() bool { return hasDefault(h) })
}

func loseVeth(i int) error {
	h, err := at(fmt.Sprintf("n%05d", i))
	if err != nil {
		return err
	}
	defer h.Close()
	link, err := netlink.LinkByName(fmt.Sprintf("v%05d", i))
	if err != nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil {
		return err
	}
	return until("default route and port", func() bool {
		link, err := netlink.LinkByName(fmt.Sprintf("v%05d", i))
		return err == nil && link.Attrs().MasterIndex != 0 && hasDefault(h)
	})
}

func hasDefault(h *netlink.Handle) bool {
	routes, err := h.RouteListFiltered(unix.AF_INET, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	for _, r := range routes {
		if r.Gw != nil {
			return true
		}
	}
	return err != nil
}

func inMilliseconds(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

// ip runs ip(8) in a namespace with a script of commands.
func ip(ns, script string) error {
	c := exec.Command("ip", "-n", ns, "-batch", "-")
	c.Stdin = strings.NewReader(script)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("ip -batch in %s: %w: %s", ns, err, out[:min(len(out), 500)])
	}
	return nil
}
