package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/tests/bench/job"
)

// forwarding is the state of a bridge port that passes frames (BR_STATE_FORWARDING), found in the attribute
// IFLA_BRPORT_STATE.
const (
	portState  = 1
	forwarding = 3
)

// dump repeats a listing that another change ran into: the kernel then says that it may be incomplete.
func dump[T any](list func() ([]T, error)) ([]T, error) {
	for range 100 {
		all, err := list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return nil, netlink.ErrDumpInterrupted
}

// checkEmpty reports what a contestant or a reset left behind.
func (g *ground) checkEmpty() error {
	for i, s := range append([]space{{handle: g.host}}, g.spaces...) {
		where := "the host"
		if i > 0 {
			where = g.wires[i-1].Namespace
		}
		links, err := dump(s.handle.LinkList)
		if err != nil {
			return err
		}
		routes, err := dump(func() ([]netlink.Route, error) { return s.handle.RouteList(nil, unix.AF_INET) })
		if err != nil {
			return err
		}
		if len(links) != 1 || len(routes) != 0 {
			return fmt.Errorf("%s is not as it was: %d links, %d routes", where, len(links), len(routes))
		}
	}
	return nil
}

// check compares the kernel with the job, for every wire, whoever did it and however its links are named. All
// that is wrong with one wire is said; the wires after it are not looked at.
func (g *ground) check() error {
	links, err := dump(g.host.LinkList)
	if err != nil {
		return err
	}
	bridges := map[string]int{}
	for _, b := range job.Bridges(len(g.wires)) {
		bridges[b.Name] = 0
	}
	if want := 1 + len(bridges) + len(g.wires); len(links) != want {
		return fmt.Errorf("the host has %d links, not the loopback, %d bridges and %d ports", len(links), len(bridges), len(g.wires))
	}
	byIndex := map[int]netlink.Link{}
	for _, l := range links {
		byIndex[l.Attrs().Index] = l
		if _, is := bridges[l.Attrs().Name]; is {
			bridges[l.Attrs().Name] = l.Attrs().Index
		}
	}
	for i, w := range g.wires {
		port, err := checkInside(g.spaces[i].handle, w)
		outer := byIndex[port]
		switch {
		case err != nil:
		case outer == nil:
			err = fmt.Errorf("%s does not lead to a link of the host that no other namespace has", job.Inside)
		case outer.Attrs().MasterIndex != bridges[w.Bridge.Name]:
			err = fmt.Errorf("%s is not in %s", outer.Attrs().Name, w.Bridge.Name)
		case outer.Attrs().RawFlags&unix.IFF_UP == 0:
			err = fmt.Errorf("%s is down", outer.Attrs().Name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", w.Namespace, err)
		}
		delete(byIndex, port)
	}
	return nil
}

// checkInside looks at one namespace and gives the index of the other end of its wire.
func checkInside(h *netlink.Handle, w job.Wire) (port int, err error) {
	links, err := dump(h.LinkList)
	if err != nil {
		return 0, err
	}
	var wrong []error
	var inside netlink.Link
	for _, l := range links {
		switch a := l.Attrs(); {
		case a.RawFlags&unix.IFF_LOOPBACK != 0:
			if a.RawFlags&unix.IFF_UP != 0 {
				wrong = append(wrong, fmt.Errorf("%s was set up", a.Name))
			}
		case a.Name == job.Inside:
			inside = l
		default:
			wrong = append(wrong, fmt.Errorf("a link %s", a.Name))
		}
	}
	if inside == nil {
		return 0, errors.Join(append(wrong, fmt.Errorf("no %s", job.Inside))...)
	}
	if inside.Attrs().RawFlags&unix.IFF_UP == 0 {
		wrong = append(wrong, fmt.Errorf("%s is down", job.Inside))
	}
	addresses, err := dump(func() ([]netlink.Addr, error) { return h.AddrList(nil, unix.AF_INET) })
	if err != nil {
		return 0, err
	}
	if len(addresses) != 1 || addresses[0].IPNet.String() != w.Address.String() || addresses[0].LinkIndex != inside.Attrs().Index {
		wrong = append(wrong, fmt.Errorf("addresses %v, not %s", addresses, w.Address))
	}
	routes, err := dump(func() ([]netlink.Route, error) { return h.RouteList(nil, unix.AF_INET) })
	if err != nil {
		return 0, err
	}
	defaults := 0
	for _, r := range routes {
		if ones, _ := r.Dst.Mask.Size(); ones == 0 && r.Gw.Equal(w.Bridge.Gateway.Addr().AsSlice()) && r.LinkIndex == inside.Attrs().Index {
			defaults++
		}
	}
	// The other one is the kernel's own, to the network of the address.
	if defaults != 1 || len(routes) != 2 {
		wrong = append(wrong, fmt.Errorf("routes %v, not a default route via %s", routes, w.Bridge.Gateway.Addr()))
	}
	return inside.Attrs().ParentIndex, errors.Join(wrong...)
}

// waitForwarding returns once every port passes frames. A port that joined without carrier does so only after
// the kernel's work queue got round to it.
func (g *ground) waitForwarding() error {
	r := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	r.AddData(nl.NewIfInfomsg(unix.AF_BRIDGE))
	var passing int
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		messages, err := dump(func() ([][]byte, error) { return r.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK) })
		if err != nil {
			return err
		}
		passing = 0
		for _, m := range messages {
			passes, err := isForwarding(m)
			if err != nil {
				return err
			}
			if passes {
				passing++
			}
		}
		if passing == len(g.wires) {
			return nil
		}
	}
	return fmt.Errorf("after a minute only %d of %d ports forward", passing, len(g.wires))
}

func isForwarding(message []byte) (bool, error) {
	attributes, err := nl.ParseRouteAttr(message[unix.SizeofIfInfomsg:])
	if err != nil {
		return false, err
	}
	for _, a := range attributes {
		if a.Attr.Type != unix.IFLA_PROTINFO|unix.NLA_F_NESTED {
			continue
		}
		port, err := nl.ParseRouteAttr(a.Value)
		if err != nil {
			return false, err
		}
		for _, p := range port {
			if p.Attr.Type == portState {
				return p.Value[0] == forwarding, nil
			}
		}
	}
	return false, nil
}
