package path

import (
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/port"
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
	to   neighbour
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
	// passed are the interfaces that the frame has come to, and how.
	passed []frame
	// untaken says which interfaces get the frame in a VLAN for which they have no interface.
	untaken []string
	// vlans are the VLANs of bridges and ports by namespace and index.
	vlans map[observe.Identity]map[int]port.VLANs
	// tunnel is the first thing that stops the frame on its way through a tunnel, and tunnelAdvice what to do.
	tunnel, tunnelAdvice string
	// elsewhere: linkd has looked for interfaces of other namespaces that are stacked on those of the segment.
	elsewhere bool
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

// segmentOf follows a frame to a neighbour, or the question for its link-layer address, to all interfaces.
func (w *walk) segmentOf(ns *observe.NS, out *observe.Link, to neighbour) *segment {
	s := &segment{to: to, w: w, size: w.packet.Size, seen: map[*observe.Link]bool{}, left: mostInterfaces, vlans: map[observe.Identity]map[int]port.VLANs{}}
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
	s.passed = append(s.passed, f)
	switch {
	case !f.link.Up():
		f = f.down()
	case f.link.Flags&unix.IFF_LOWER_UP == 0:
		f = f.noCarrier()
	}
	switch {
	case isPair(f.link):
		s.toPeer(f)
	case f.link.Kind == "bridge":
		vid, f := s.classify(f, f.link, f.link)
		s.toPorts(f, nil, vid)
	case f.link.Kind == "vlan":
		f.tag = vlanID(f.link)
		s.toParent(f)
	case isStacked(f.link):
		s.toSiblings(f)
		s.toParent(f)
	case f.link.Kind == "vxlan":
		s.toRemotes(f)
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

// parentOf returns the interface that f.link refers to, the other end of a pair or what it is stacked on, with its namespace; its link
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
	s.passed = append(s.passed, f)
	if m := links.ByIndex(f.link.Master); m != nil && m.Kind == "bridge" {
		s.bridge(f, m)
		return
	}
	s.arrive(f, links)
}

// arrive has an interface take a frame that came to it: itself, or those of its namespace that are stacked on it.
func (s *segment) arrive(f frame, links *observe.Links) {
	taken := false
	for _, l := range links.All {
		if l.Parent != f.link.Index || l.ParentNS != -1 || l == f.link {
			continue
		}
		switch {
		case l.Kind == "vlan" && vlanID(l) == f.tag && f.tag != 0, isStacked(l) && f.tag == 0:
			taken = true
			s.end(f.above(station{f.ns, l}))
		}
	}
	switch {
	case f.tag == 0:
		s.end(f)
	case !taken:
		s.untaken = append(s.untaken, fmt.Sprintf("%s gets it in VLAN %d, and has no interface for that VLAN", f.station, f.tag))
	}
}

// above is the frame at an interface that is stacked on the one that it came to.
func (f frame) above(at station) frame {
	by := f.via(at)
	f.station, f.by, f.tag = at, by, 0
	if !at.link.Up() {
		return f.down()
	}
	return f
}

// isPair reports whether a link is an end of a pair.
func isPair(l *observe.Link) bool { return l.Kind == "veth" || l.Kind == "netkit" || l.Kind == "vxcan" }

// isStacked reports whether a link shares the one that it is stacked on with others of its kind, of which each takes its own packets.
func isStacked(l *observe.Link) bool {
	return l.Kind == "macvlan" || l.Kind == "macvtap" || l.Kind == "ipvlan" || l.Kind == "ipvtap"
}

// toParent sends a frame out by the interface that f.link is stacked on.
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

func (s *segment) end(f frame) {
	s.ends = append(s.ends, endpoint{ns: f.ns, link: f.link, by: f.by, blocked: f.blocked, advice: f.advice, doubt: f.doubt})
}
