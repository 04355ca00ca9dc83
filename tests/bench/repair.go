package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"linkd/tests/bench/job"
)

// repairs holds delays from the kernel's news of a loss to the kernel's news that it is made good.
type repairs struct {
	address  []time.Duration // a deleted address is back
	routed   []time.Duration // and the default route that the kernel took away with it
	wire     []time.Duration // a deleted veth is a port again, and address and default route are back
	deletion []time.Duration // the call that deleted the veth returned; it drops the lock long before that
}

const (
	repairsWanted = 100
	patience      = 10 * time.Second
	pause         = 50 * time.Millisecond // between losses; what the kernel says 2 s after a repair falls into later ones
)

// measureRepairs never takes a namespace twice: the same loss again and again is flapping, and a daemon that
// backs off from it is right.
func measureRepairs(g *ground) (repairs, error) {
	var r repairs
	order := rand.Perm(len(g.wires))
	each := min(repairsWanted, len(order)/2)
	for i := range each {
		if err := r.loseAddress(g, order[i]); err != nil {
			return r, fmt.Errorf("repair an address in %s: %w", g.wires[order[i]].Namespace, err)
		}
		time.Sleep(pause)
	}
	for i := range each {
		if err := r.loseWire(g, order[each+i]); err != nil {
			return r, fmt.Errorf("repair the veth of %s: %w", g.wires[order[each+i]].Namespace, err)
		}
		time.Sleep(pause)
	}
	return r, nil
}

func (r *repairs) loseAddress(g *ground, i int) error {
	s, w := g.spaces[i], g.wires[i]
	inside, err := s.handle.LinkByName(job.Inside)
	if err != nil {
		return err
	}
	listener, err := listen(s.ns, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE)
	if err != nil {
		return err
	}
	defer listener.close()
	heard := listener.expect(isAddress(unix.RTM_DELADDR, w), isAddress(unix.RTM_NEWADDR, w), isDefaultRoute(w))
	address := &netlink.Addr{IPNet: &net.IPNet{IP: w.Address.Addr().AsSlice(), Mask: net.CIDRMask(w.Address.Bits(), 32)}}
	if err := s.handle.AddrDel(inside, address); err != nil {
		return err
	}
	at := <-heard
	if at.err != nil {
		return at.err
	}
	r.address = append(r.address, at.times[1].Sub(at.times[0]))
	r.routed = append(r.routed, at.times[2].Sub(at.times[0]))
	return nil
}

func (r *repairs) loseWire(g *ground, i int) error {
	s, w := g.spaces[i], g.wires[i]
	outer, err := g.host.LinkByName(w.Host)
	if err != nil {
		return err
	}
	outside, err := listen(netns.None(), unix.RTNLGRP_LINK)
	if err != nil {
		return err
	}
	defer outside.close()
	within, err := listen(s.ns, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE)
	if err != nil {
		return err
	}
	defer within.close()
	port := outside.expect(isGone(w), isPort(w, outer.Attrs().MasterIndex))
	rest := within.expect(isAddress(unix.RTM_NEWADDR, w), isDefaultRoute(w))
	if err := g.host.LinkDel(outer); err != nil {
		return err
	}
	returned := time.Now()
	outsideAt, withinAt := <-port, <-rest
	if outsideAt.err != nil {
		return outsideAt.err
	}
	if withinAt.err != nil {
		return withinAt.err
	}
	lost, whole := outsideAt.times[0], outsideAt.times[1]
	if withinAt.times[1].After(whole) {
		whole = withinAt.times[1]
	}
	r.wire = append(r.wire, whole.Sub(lost))
	r.deletion = append(r.deletion, returned.Sub(lost))
	return nil
}
