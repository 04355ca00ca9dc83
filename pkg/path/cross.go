package path

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/plain"
)

// cross follows the packet from an interface to the neighbour that is its next hop, and returns where it comes to.
func (w *walk) cross(ns *observe.NS, out *observe.Link, next netip.Addr) (*place, error) {
	n, err := neighbourOf(ns, out.Index, next)
	if err != nil {
		return nil, err
	}
	s := w.segmentOf(ns, out, n)
	if s.wrong != nil {
		return nil, s.wrong
	}
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	if s.blocked != "" && len(s.ends)+len(s.outside) == 0 {
		w.stop(Wire, s.blocked, s.advice)
		return nil, nil
	}
	noARP := out.Flags&(unix.IFF_NOARP|unix.IFF_POINTOPOINT) != 0
	if !noARP {
		w.note(Neighbour, "", "%s on %s: %s", next, out.Name, n)
	}
	if wouldHaveToAsk(out) && n.state&unix.NUD_PERMANENT == 0 {
		w.stop(Neighbour, fmt.Sprintf("ARP is off on %s: %s asks nobody for the link-layer address of %s", out.Name, ns.Name, next),
			fmt.Sprintf("run: ip link set %s arp on in %s, or declare a neighbour", out.Name, ns.Name))
		return nil, nil
	}
	to, err := w.choose(s, n, next, noARP)
	if to == nil && err == nil && !w.stopped() && s.lookElsewhere() {
		to, err = w.choose(s, n, next, noARP)
	}
	switch {
	case err != nil || s.wrong != nil || w.stopped():
		return nil, errors.Join(err, s.wrong)
	case to != nil:
		return w.take(s, *to, next)
	case s.tunnel != "":
		w.stop(Wire, s.tunnel, s.tunnelAdvice)
	case len(s.outside) > 0 && (n.resolved() || noARP || n.state&(unix.NUD_FAILED|unix.NUD_INCOMPLETE) == 0):
		w.path.Leaves = fmt.Sprintf("%s leaves what linkd can follow by %s", w.subject(), strings.Join(s.outside, ", "))
		w.note(Wire, "", "%s", w.path.Leaves)
	case len(s.outside) > 0:
		w.stop(Neighbour, fmt.Sprintf("nobody answers for %s on the network behind %s: the neighbour is %s", next, strings.Join(s.outside, ", "), n),
			w.absentAdvice(ns, s, out, next))
	default:
		w.stop(Neighbour, w.nobody(ns, s, out, next), w.absentAdvice(ns, s, out, next))
	}
	return nil, nil
}

func (w *walk) subject() string {
	if w.reply {
		return "the answer"
	}
	return "the packet"
}

// take has an endpoint take the packet.
func (w *walk) take(s *segment, to endpoint, next netip.Addr) (*place, error) {
	if to.blocked != "" {
		w.stop(Wire, to.blocked, to.advice)
		w.noteInterfaces(to.by)
		return nil, nil
	}
	w.note(Wire, "", "%s", to.through())
	w.noteInterfaces(to.by)
	if to.doubt != "" {
		w.note(Wire, Doubtful, "%s", to.doubt)
	}
	w.noteUnfollowed(to)
	if w.passBridges(to); w.stopped() {
		return nil, nil
	}
	return &place{to.ns, to.link}, nil
}

// choose returns the endpoint that gets the packet: the one that has the link-layer address of the neighbour, or, if that is not
// known, one whose namespace has the IP address. It is nil if nobody is known to.
func (w *walk) choose(s *segment, n neighbour, next netip.Addr, noARP bool) (*endpoint, error) {
	holders, err := s.holders(next)
	if err != nil {
		return nil, err
	}
	if len(holders) > 1 {
		names := make([]string, len(holders))
		for i, h := range holders {
			names[i] = h.String()
		}
		w.note(Neighbour, Doubtful, "%d interfaces of this network answer for %s: %s", len(holders), next, strings.Join(names, ", "))
	}
	if n.resolved() && !noARP {
		mac, err := net.ParseMAC(n.mac)
		if err != nil {
			return nil, err
		}
		// A frame comes to each interface with that address; a bridge sends it to the one behind the port that it has learned.
		if i := s.endWith(n.mac, mac, holders); i >= 0 {
			return &s.ends[i], nil
		}
		if len(holders) > 0 && len(s.outside) == 0 {
			text := fmt.Sprintf("the entry for the neighbour %s has %s, the address of no interface of this network; %s has %s, with %s", next, n.mac, holders[0], next, holders[0].link.MAC)
			if n.state&unix.NUD_PERMANENT != 0 {
				w.stop(Neighbour, text, "correct that entry, or remove it: it is permanent, so the kernel does not ask")
				return nil, nil
			}
			w.note(Neighbour, Doubtful, "%s", text)
		}
	}
	if noARP && len(s.ends) == 1 {
		return &s.ends[0], nil
	}
	if len(holders) == 0 || n.resolved() && len(s.outside) > 0 {
		return nil, nil
	}
	if i := slices.IndexFunc(holders, func(e endpoint) bool { return e.blocked == "" }); i >= 0 {
		if n.state&(unix.NUD_FAILED|unix.NUD_INCOMPLETE) != 0 {
			if text, advice := w.silence(holders[i], next); text != "" {
				w.stop(Neighbour, text, advice)
				return nil, nil
			}
			w.note(Neighbour, Doubtful, "%s has %s and has not answered when it was asked for it: the neighbour is %s", holders[i], next, n)
		}
		return &holders[i], nil
	}
	return &holders[0], nil
}

// holders are the endpoints whose namespaces have an address: they answer for it on any interface (arp_ignore in ip-sysctl).
func (s *segment) holders(ip netip.Addr) (found []endpoint, err error) {
	for _, e := range s.ends {
		vrf := 0
		if links, err := e.ns.Links(s.w.ctx); err == nil {
			if m := links.ByIndex(e.link.Master); m != nil && m.Kind == "vrf" {
				vrf = m.Index
			}
		}
		is, err := has(e.ns, ip, vrf)
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !is && ip.Is6() {
			// One that is not in use yet, or never will be, has no route.
			_, is = addressFlags(e.ns, ip)
		}
		if is {
			found = append(found, e)
		}
	}
	return found, nil
}

// endWith returns the index of the endpoint with a link-layer address: of several, as of interfaces of the kind ipvlan, which share
// the one of their parent, one that has the IP address; -1 if none has it.
func (s *segment) endWith(text string, mac []byte, holders []endpoint) int {
	found := -1
	for i, e := range s.ends {
		if e.link.MAC != text || s.learnedElsewhere(e, mac) {
			continue
		}
		if slices.ContainsFunc(holders, func(h endpoint) bool { return h.link == e.link }) {
			return i
		}
		if found < 0 {
			found = i
		}
	}
	return found
}

// learnedElsewhere tells whether a bridge on the way to an endpoint has learned the link-layer address behind another port.
func (s *segment) learnedElsewhere(e endpoint, mac []byte) bool {
	for i := 1; i+1 < len(e.by); i++ {
		if at := e.by[i]; at.link.Kind == "bridge" && e.by[i+1].ns == at.ns {
			port, err := portOf(at.ns, at.link.Index, mac)
			if err == nil && port != 0 && port != e.by[i+1].link.Index {
				return true
			}
		}
	}
	return false
}

// nobody says that no interface of a segment has an address.
func (w *walk) nobody(ns *observe.NS, s *segment, out *observe.Link, next netip.Addr) string {
	names := make([]string, 0, len(s.ends))
	for _, e := range s.ends {
		names = append(names, e.String())
	}
	const most = 5
	if len(names) > most {
		names = append(names[:most], "and "+plain.Count(len(s.ends)-most, "other"))
	}
	what := "nobody has " + next.String()
	if next != w.to.Addr() {
		what = "nobody has the gateway " + next.String()
	}
	if len(names) == 0 {
		return fmt.Sprintf("%s: no other interface is on the network of %s", what, out.Name)
	}
	if len(s.untaken) > 0 {
		names = append(names, s.untaken...)
	}
	return fmt.Sprintf("%s on the network of %s, where linkd finds %s", what, out.Name, strings.Join(names, ", "))
}

// absentAdvice says what to do about an address that nobody has: other addresses of the subnet, and subnets that overlap.
func (w *walk) absentAdvice(ns *observe.NS, s *segment, out *observe.Link, next netip.Addr) string {
	var advice []string
	if overlap := w.overlap(ns, next); overlap != "" {
		advice = append(advice, overlap+"; give each link a subnet of its own")
	}
	if holder := w.heldElsewhere(ns, out, next); holder != "" {
		advice = append(advice, holder)
	}
	if next != w.to.Addr() {
		text := fmt.Sprintf("correct via: %s of the route in %s, or give the address to the router", next, ns.Name)
		if there := s.inSubnet(w, ns, out, next); there != "" {
			text += ": of its subnet there is " + there
		}
		advice = append(advice, text)
	} else if len(advice) == 0 {
		advice = append(advice, fmt.Sprintf("start what is meant to have %s, or correct the address", next))
	}
	return strings.Join(advice, "; ")
}

// heldElsewhere says which other interface of the packet's own way leads to the address: the one that the first packet came by.
func (w *walk) heldElsewhere(ns *observe.NS, out *observe.Link, next netip.Addr) string {
	if !w.reply {
		return ""
	}
	for _, h := range w.path.Hops {
		if h.Netns == ns.Name && h.In != "" && h.In != out.Name {
			return fmt.Sprintf("the packet came in by %s, and the answer leaves by %s", h.In, out.Name)
		}
	}
	return ""
}

// inSubnet are the addresses of a segment that are in the same subnet of an interface as an address.
func (s *segment) inSubnet(w *walk, ns *observe.NS, out *observe.Link, ip netip.Addr) string {
	on, err := subnetsOn(w.ctx, ns)
	if err != nil {
		return ""
	}
	var found []string
	for _, subnet := range on[out.Name] {
		if !subnet.Contains(ip) {
			continue
		}
		for _, e := range s.ends {
			there, err := subnetsOn(w.ctx, e.ns)
			if err != nil {
				continue
			}
			for _, p := range there[e.link.Name] {
				if subnet.Contains(p.Addr()) && len(found) < 5 {
					found = append(found, fmt.Sprintf("%s (%s)", p.Addr(), e))
				}
			}
		}
	}
	return strings.Join(found, ", ")
}
