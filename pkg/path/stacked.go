package path

import (
	"encoding/binary"
	"fmt"

	"linkd/pkg/observe"
)

// Interfaces of the kinds macvlan and ipvlan share the interface that they are stacked on, from any namespace. They exchange packets with
// each other and with what is beyond that interface, and not with that interface itself.

// mostStackedNamespaces is how many namespaces linkd looks at for interfaces that are stacked on one of another namespace.
const mostStackedNamespaces = 256

// toSiblings sends a frame to the other interfaces that are stacked on the same one, in all namespaces.
func (s *segment) toSiblings(f frame) {
	parent, ok := s.parentOf(f)
	if !ok || parent.link == nil || f.link.ParentNS == observe.NoID {
		return
	}
	for _, at := range s.standingOn(parent) {
		if at.link == f.link || at.link.Kind != f.link.Kind {
			continue
		}
		to := f.above(at)
		for _, end := range []station{f.station, at} {
			if why := keepsApart(end.link); why != "" {
				to = to.block(fmt.Sprintf("set the mode of both to bridge, %s and %s", f.station, at), "%s is a %s in the mode %s: others on %s do not reach it directly", end, end.link.Kind, why, parent)
			}
		}
		s.seen[at.link] = true
		s.end(to)
	}
	s.end(f.above(parent).block("reach "+parent.ns.Name+" by an address that is not on "+parent.link.Name+", or give it a "+f.link.Kind+" of its own on that, with the address",
		"%s is stacked on %s: a %s and its parent exchange no packets", f.station, parent, f.link.Kind))
}

// keepsApart returns the mode of an interface that exchanges no packets with others on the same parent; "" if it does
// (macvlan_queue_xmit in drivers/net/macvlan.c, ipvlan_xmit_mode_l2 in drivers/net/ipvlan/ipvlan_core.c).
func keepsApart(l *observe.Link) string {
	const (
		mode, flags     = 1, 2 // IFLA_MACVLAN_MODE; IFLA_IPVLAN_FLAGS
		private, vepa   = 1, 2
		passthru, apart = 8, 16
	)
	if l.Kind == "ipvlan" || l.Kind == "ipvtap" {
		if v := l.Data[flags]; len(v) == 2 {
			return map[uint16]string{private: "private", vepa: "vepa"}[binary.NativeEndian.Uint16(v)]
		}
		return ""
	}
	if v := l.Data[mode]; len(v) == 4 {
		return map[uint32]string{private: "private", vepa: "vepa", passthru: "passthru", apart: "source"}[binary.NativeEndian.Uint32(v)]
	}
	return ""
}

// standingOn returns the interfaces of all namespaces that share an interface.
func (s *segment) standingOn(parent station) (found []station) {
	all, more, err := s.w.peers.All(mostStackedNamespaces)
	if err != nil {
		s.wrong = err
		return nil
	}
	if more {
		s.w.note(Wire, Doubtful, "there are more than %d namespaces: linkd has not looked into all for interfaces on %s", mostStackedNamespaces, parent)
	}
	for _, ns := range all {
		links, err := ns.Links(s.w.ctx)
		if err != nil {
			// It has ended since.
			continue
		}
		for _, l := range links.All {
			if isStacked(l) && l.Parent == parent.link.Index && s.isIn(ns, l, parent.ns) {
				found = append(found, station{ns, l})
			}
		}
	}
	return found
}

// isIn reports whether what a link is stacked on is in a namespace.
func (s *segment) isIn(ns *observe.NS, l *observe.Link, parent *observe.NS) bool {
	if l.ParentNS == -1 {
		return ns.Identity == parent.Identity
	}
	if l.ParentNS == observe.NoID {
		return false
	}
	at, err := s.w.peers.Open(ns, l.ParentNS)
	return err == nil && at.Identity == parent.Identity
}

// lookElsewhere adds the interfaces of other namespaces that are stacked on those which the frame has come to, once. It reports whether
// there are any.
func (s *segment) lookElsewhere() (some bool) {
	if s.elsewhere {
		return false
	}
	s.elsewhere = true
	for i, f := range s.passed {
		if isPair(f.link) || f.link.Kind == "" || f.link.Kind == "bridge" || f.link.Kind == "bond" || f.link.Kind == "dummy" {
			for _, at := range s.standingOn(f.station) {
				if s.seen[at.link] {
					continue
				}
				s.seen[at.link], some = true, true
				to := f.above(at)
				if i == 0 {
					to = to.block("give "+f.ns.Name+" a "+at.link.Kind+" of its own on "+f.link.Name+", with the address",
						"%s is stacked on %s: a %s and its parent exchange no packets", at, f.station, at.link.Kind)
				}
				s.end(to)
			}
		}
	}
	return some
}
