package path

import (
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// portForwards is BR_STATE_FORWARDING in linux/if_bridge.h.
const portForwards = 3

// portStates are the names of bridge(8) for BR_STATE_* in linux/if_bridge.h.
var portStates = []string{"disabled", "listening", "learning", "forwarding", "blocking"}

// portSetting is a number among the attributes of a bridge's port; ok is false if it is not there.
func portSetting(l *observe.Link, attr uint16) (value uint64, ok bool) {
	_ = observe.EachAttr(l.Port, func(kind uint16, b []byte) error {
		if kind == attr {
			value, ok = observe.Number(b), true
		}
		return nil
	})
	return value, ok
}

// forwards tells whether a bridge forwards by its port, and otherwise the state of the port.
func portForwarding(l *observe.Link) (state string, forwards bool) {
	value, ok := portSetting(l, unix.IFLA_BRPORT_STATE)
	if !ok || value == portForwards || value >= uint64(len(portStates)) {
		return "", true
	}
	return portStates[value], false
}

func portIsolated(l *observe.Link) bool {
	value, _ := portSetting(l, unix.IFLA_BRPORT_ISOLATED)
	return value != 0
}

// port checks whether a bridge forwards what comes in or leaves by its port.
func (f frame) port(bridge *observe.Link) frame {
	switch state, forwards := portForwarding(f.link); {
	case !f.link.Up():
		return f.down()
	case f.link.Flags&unix.IFF_LOWER_UP == 0:
		return f.noCarrier()
	case !bridge.Up():
		return frame{station: station{f.ns, bridge}, by: f.by, blocked: f.blocked, advice: f.advice}.down().at(f)
	case forwards:
		return f
	default:
		return f.block("wait until the bridge forwards by it, or find out why it does not: run bridge link show dev "+f.link.Name+" in "+f.ns.Name,
			"the bridge does not forward by its port %s: the state of the port is %s", f.station, state)
	}
}

// at is the frame where other is, with what stops it.
func (f frame) at(other frame) frame {
	other.blocked, other.advice = f.blocked, f.advice
	return other
}

// down stops a frame at an interface that is down.
func (f frame) down() frame {
	return f.block("declare it without up: false, or run: ip link set "+f.link.Name+" up in "+f.ns.Name, "%s is down", f.station)
}

// noCarrier stops a frame at an interface whose other end is down.
func (f frame) noCarrier() frame {
	if f.link.Kind == "tun" || f.link.Kind == "tap" {
		return f.block("start the program that is meant to use it", "%s has no carrier: no program has it open", f.station)
	}
	return f.block("set its other end up, or connect the cable", "%s has no carrier: its other end is down", f.station)
}

// bridge has a frame come into a bridge by one of its ports.
func (s *segment) bridge(f frame, master *observe.Link) {
	if s.seen[master] {
		return
	}
	s.seen[master] = true
	vid, f := s.classify(f.port(master), f.link, master)
	from := f.link
	f.station, f.by = station{f.ns, master}, f.via(station{f.ns, master})
	links, err := f.ns.Links(s.w.ctx)
	if err != nil {
		s.wrong = err
		return
	}
	own := s.egress(f, master, master, vid)
	s.passed = append(s.passed, own)
	s.arrive(own, links)
	s.toPorts(f, from, vid)
}

// toPorts has a bridge send a frame of a VLAN out by its ports, but for the one that it came by.
func (s *segment) toPorts(f frame, from *observe.Link, vid uint16) {
	links, err := f.ns.Links(s.w.ctx)
	if err != nil {
		s.wrong = err
		return
	}
	for _, l := range links.All {
		if l.Master != f.link.Index || l == from {
			continue
		}
		out := s.egress(frame{station: station{f.ns, l}, by: f.by, blocked: f.blocked, advice: f.advice, doubt: f.doubt, tag: f.tag}.port(f.link), l, f.link, vid)
		if from != nil && portIsolated(from) && portIsolated(l) {
			out = out.block("remove isolated from one of the two ports", "the ports %s and %s are both isolated from each other", from.Name, l.Name)
		}
		if s.size > l.MTU+vlanRoom {
			out = out.block(fmt.Sprintf("set the same mtu on all ports of %s", f.station), "the packet has %d bytes, and the port %s takes %d: the bridge drops it", s.size, out.station, l.MTU)
		}
		s.leave(out)
	}
}
