package path

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// Bridges and pairs of interfaces carry a frame from one interface that has addresses to others: a segment. Here, the frame is followed
// to all of them.

// endpoint is an interface of a segment that may take a frame: one that is no port of a bridge.
type endpoint struct {
	ns   *observe.NS
	link *observe.Link
	// by are the interfaces on the way there, from the one that the packet leaves by to this one.
	by []station
	// blocked is what keeps frames from it, and advice what to do; "" if nothing does.
	blocked, advice string
	// doubt is what may stop some frames only.
	doubt string
}

func (e endpoint) String() string { return station{e.ns, e.link}.String() }

// segment is what a frame that leaves by an interface comes to.
type segment struct {
	w    *walk
	ends []endpoint
	// outside are the interfaces by which it leaves what linkd can follow, with what is known about that.
	outside []string
	// blocked is the first thing that stops the frame before it comes to any endpoint.
	blocked, advice string
	// size is the length of the IP packet.
	size  int
	seen  map[*observe.Link]bool
	left  int
	wrong error
}

// mostInterfaces is how many interfaces of one segment linkd visits.
const mostInterfaces = 2048

// frame is where a frame is on its way.
type frame struct {
	station
	by                     []station
	blocked, advice, doubt string
	// tag is the VLAN that the frame is in, or 0.
	tag uint16
}

// block notes the first thing that stops the frame.
func (f frame) block(advice, format string, args ...any) frame {
	if f.blocked == "" {
		f.blocked, f.advice = fmt.Sprintf(format, args...), advice
	}
	return f
}

// via is the way of the frame with one more interface.
func (f frame) via(next station) []station { return append(f.by[:len(f.by):len(f.by)], next) }

func (w *walk) segmentOf(ns *observe.NS, out *observe.Link) *segment {
	s := &segment{w: w, size: w.packet.Size, seen: map[*observe.Link]bool{}, left: mostInterfaces}
	s.leave(frame{station: station{ns, out}})
	return s
}

// leave sends a frame out by an interface.
func (s *segment) leave(f frame) {
	if s.seen[f.link] || s.left == 0 || s.wrong != nil || s.w.ctx.Err() != nil {
		return
	}
	s.left--
	s.seen[f.link] = true
	f.by = f.via(f.station)
	switch {
	case !f.link.Up():
		f = f.down()
	case f.link.Flags&unix.IFF_LOWER_UP == 0:
		f = f.noCarrier()
	}
	switch f.link.Kind {
	case "veth", "netkit", "vxcan":
		s.toPeer(f)
	case "bridge":
		s.toPorts(f, nil)
	case "vlan":
		f.tag = vlanID(f.link)
		s.toParent(f)
	case "macvlan", "macvtap", "ipvlan":
		s.toSiblings(f)
		s.toParent(f)
	default:
		s.outsideOf(f)
	}
}

// outsideOf notes that a frame leaves what linkd can follow.
func (s *segment) outsideOf(f frame) {
	if f.blocked != "" {
		s.blockedBefore(f)
		return
	}
	switch f.link.Kind {
	case "":
		s.outside = append(s.outside, f.station.String())
	default:
		s.outside = append(s.outside, f.station.String()+", an interface of the kind "+f.link.Kind)
	}
}

func (s *segment) blockedBefore(f frame) {
	if s.blocked == "" {
		s.blocked, s.advice = f.blocked, f.advice
	}
}

// parentOf returns the interface that f.link refers to, the other end of a pair or what it stands on, with its namespace; its link
// is nil if it has gone. ok is false if linkd cannot look there, which it notes.
func (s *segment) parentOf(f frame) (parent station, ok bool) {
	ns := f.ns
	if f.link.ParentNS >= 0 {
		var err error
		if ns, err = s.w.peers.Open(f.ns, f.link.ParentNS); err != nil {
			s.outside = append(s.outside, fmt.Sprintf("%s (%v)", f.station, err))
			return parent, false
		}
	}
	links, err := ns.Links(s.w.ctx)
	if err != nil {
		s.wrong = err
		return parent, false
	}
	return station{ns, links.ByIndex(f.link.Parent)}, true
}

// toPeer sends a frame to the other end of a pair.
func (s *segment) toPeer(f frame) {
	if f.link.ParentNS == observe.NoID {
		s.blockedBefore(f.block("", "the other end of %s is in a namespace that linkd cannot see", f.station))
		return
	}
	to, ok := s.parentOf(f)
	switch {
	case !ok:
		return
	case to.link == nil:
		s.outside = append(s.outside, f.station.String()+", whose other end has just gone")
		return
	}
	if f.link.MTU != to.link.MTU && f.doubt == "" {
		f.doubt = fmt.Sprintf("the ends of a link have different MTUs: %s %d, %s/%s %d: packets larger than the smaller one get lost", f.station, f.link.MTU, to.ns.Name, to.link.Name, to.link.MTU)
	}
	f.station = to
	s.enter(f)
}

// vlanRoom is what an interface takes beyond its MTU: room for one VLAN tag (is_skb_forwardable in net/core/dev.c).
const vlanRoom = 4

// enter has a frame come in by an interface.
func (s *segment) enter(f frame) {
	if s.seen[f.link] || s.left == 0 {
		return
	}
	s.left--
	s.seen[f.link] = true
	f.by = f.via(f.station)
	if !f.link.Up() {
		f = f.down()
	}
	if s.size > f.link.MTU+vlanRoom {
		f = f.block(fmt.Sprintf("set the same mtu on both ends, %s and %s", f.by[max(0, len(f.by)-2)], f.station),
			"the packet has %d bytes, and %s takes %d: the kernel drops it without a message to the sender", s.size, f.station, f.link.MTU)
	}
	links, err := f.ns.Links(s.w.ctx)
	if err != nil {
		s.wrong = err
		return
	}
	if m := links.ByIndex(f.link.Master); m != nil && m.Kind == "bridge" {
		s.bridge(f, m)
		return
	}
	if f.tag != 0 {
		for _, l := range links.All {
			if l.Kind == "vlan" && l.Parent == f.link.Index && l.ParentNS == -1 && vlanID(l) == f.tag {
				s.end(frame{station: station{f.ns, l}, by: f.via(station{f.ns, l}), blocked: f.blocked, advice: f.advice, doubt: f.doubt})
			}
		}
		return
	}
	for _, l := range links.All {
		if (l.Kind == "macvlan" || l.Kind == "macvtap") && l.Parent == f.link.Index && l.ParentNS == -1 {
			above := frame{station: station{f.ns, l}, by: f.via(station{f.ns, l}), blocked: f.blocked, advice: f.advice, doubt: f.doubt}
			if !l.Up() {
				above = above.down()
			}
			s.end(above)
		}
	}
	s.end(f)
}

// bridge has a frame come into a bridge by one of its ports.
func (s *segment) bridge(f frame, master *observe.Link) {
	f = f.port(master)
	own := frame{station: station{f.ns, master}, by: f.via(station{f.ns, master}), blocked: f.blocked, advice: f.advice, doubt: f.doubt, tag: f.tag}
	if !s.seen[master] {
		s.seen[master] = true
		s.end(own)
		s.toPorts(own, f.link)
	}
}

// toPorts has a bridge send a frame out by its ports, but for the one that it came by.
func (s *segment) toPorts(f frame, from *observe.Link) {
	links, err := f.ns.Links(s.w.ctx)
	if err != nil {
		s.wrong = err
		return
	}
	for _, l := range links.All {
		if l.Master != f.link.Index || l == from {
			continue
		}
		out := frame{station: station{f.ns, l}, by: f.by, blocked: f.blocked, advice: f.advice, doubt: f.doubt, tag: f.tag}.port(f.link)
		if from != nil && portIsolated(from) && portIsolated(l) {
			out = out.block("remove isolated from one of the two ports", "the ports %s and %s are both isolated from each other", from.Name, l.Name)
		}
		if s.size > l.MTU+vlanRoom {
			out = out.block(fmt.Sprintf("set the same mtu on all ports of %s", f.station), "the packet has %d bytes, and the port %s takes %d: the bridge drops it", s.size, out.station, l.MTU)
		}
		s.leave(out)
	}
}

// toParent sends a frame out by the interface that f.link stands on.
func (s *segment) toParent(f frame) {
	to, ok := s.parentOf(f)
	switch {
	case !ok:
		return
	case to.link != nil && f.link.ParentNS != observe.NoID:
		f.station = to
		s.leave(f)
		return
	}
	s.outside = append(s.outside, f.station.String()+", whose parent is in a namespace that linkd cannot see")
}

// toSiblings sends a frame to the other interfaces of its namespace that stand on the same one. Those of other namespaces are
// not known.
func (s *segment) toSiblings(f frame) {
	links, err := f.ns.Links(s.w.ctx)
	if err != nil {
		s.wrong = err
		return
	}
	for _, l := range links.All {
		if l != f.link && l.Kind == f.link.Kind && l.Parent == f.link.Parent && l.ParentNS == f.link.ParentNS {
			s.end(frame{station: station{f.ns, l}, by: f.via(station{f.ns, l}), blocked: f.blocked, advice: f.advice, doubt: f.doubt})
		}
	}
}

func (s *segment) end(f frame) {
	s.ends = append(s.ends, endpoint{ns: f.ns, link: f.link, by: f.by, blocked: f.blocked, advice: f.advice, doubt: f.doubt})
}

// vlanID is IFLA_VLAN_ID of linux/if_link.h.
func vlanID(l *observe.Link) uint16 {
	const id = 1
	if v := l.Data[id]; len(v) == 2 {
		return binary.NativeEndian.Uint16(v)
	}
	return 0
}
