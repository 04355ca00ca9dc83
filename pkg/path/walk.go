package path

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/observe"
	"linkd/pkg/plain"
)

// walk is a packet on its way.
type walk struct {
	ctx    context.Context
	peers  *observe.Peers
	path   *Path
	hops   *[]Hop
	origin *observe.NS
	packet Packet
	// from and to are the packet's ends as they are now. The source port is 0: the kernel chooses it.
	from, to netip.AddrPort
	// reply: the packet is the answer. sent is then the source of the first packet as it arrived.
	reply bool
	sent  netip.AddrPort

	firewalls map[ruleset]*look
	// tracks are the connections as the namespaces on the way track them.
	tracks map[observe.Identity]*track
	// qdiscs are the queueing disciplines of namespaces, by the index of their interface.
	qdiscs map[observe.Identity]map[int][]string
	// depth is how many tunnels the packet is within.
	depth int
	// translated is the rule that gave the packet its destination, and namespace the one that has it.
	translated, translatedIn string
}

// track is the connection as a namespace tracks it: the ends of the first packet, and of the answer to that.
type track struct {
	first, answer iptables.Ends
	// out is the interface by which the first packet left, and ns the namespace.
	out string
	ns  *observe.NS
}

func (w *walk) family() uint8 {
	if w.to.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// note adds a step to the hop.
func (w *walk) note(kind Kind, mark Mark, format string, args ...any) {
	hops := *w.hops
	h := &hops[len(hops)-1]
	h.Steps = append(h.Steps, Step{Kind: kind, Text: plain.Text(fmt.Sprintf(format, args...)), Mark: mark})
}

// noteInterfaces adds to the last step the interfaces that the packet passes in it.
func (w *walk) noteInterfaces(by []station) {
	hops := *w.hops
	steps := hops[len(hops)-1].Steps
	for _, at := range by {
		steps[len(steps)-1].By = append(steps[len(steps)-1].By, Interface{plain.Text(at.ns.Name), plain.Text(at.link.Name)})
	}
}

// stop adds a step that stops the packet.
func (w *walk) stop(kind Kind, text, advice string) {
	w.note(kind, Stops, "%s", text)
	if w.translated != "" && !w.reply {
		advice += fmt.Sprintf("; %s has sent the packet to %s by %s", w.translatedIn, endText(w.to), w.translated)
	}
	hops := *w.hops
	w.path.Obstacle = &Obstacle{Netns: hops[len(hops)-1].Netns, Text: plain.Text(text), Advice: plain.Text(advice), Answer: w.reply}
}

// stopped tells whether the way has ended.
func (w *walk) stopped() bool { return w.path.Obstacle != nil || w.path.Leaves != "" }

// visit follows the packet through a namespace, and returns where it comes to; nil if it arrives, stops or leaves.
func (w *walk) visit(at place) (*place, error) {
	h := Hop{Netns: at.ns.Name, Steps: []Step{}}
	if at.in != nil {
		h.In = at.in.Name
	}
	*w.hops = append(*w.hops, h)
	if at.in == nil {
		return w.send(at.ns)
	}
	return w.receive(at)
}

// send follows a packet that the namespace itself sends.
func (w *walk) send(ns *observe.NS) (*place, error) {
	q := w.query()
	if w.reply {
		q.src = w.from.Addr()
	}
	r, err := ask(ns, q)
	if err != nil {
		return nil, w.unroutable(ns, q, err)
	}
	if !w.from.IsValid() {
		w.from = netip.AddrPortFrom(r.src, 0)
	}
	w.noteRoute(ns, q, r)
	before := w.to
	w.begin(ns)
	if w.pass(ns, "OUTPUT", "", r.dev); w.stopped() {
		return nil, nil
	}
	if w.to != before {
		// The kernel decides about the route again (ip_route_me_harder in net/ipv4/netfilter.c). The source stays.
		q = w.query()
		if r, err = ask(ns, q); err != nil {
			return nil, w.unroutable(ns, q, err)
		}
		w.noteRoute(ns, q, r)
	}
	if r.kind == unix.RTN_LOCAL {
		return nil, w.deliver(ns, "lo")
	}
	return w.leave(ns, r)
}

// receive follows a packet that comes into the namespace.
func (w *walk) receive(at place) (*place, error) {
	ns := at.ns
	w.begin(ns)
	if w.pass(ns, "PREROUTING", at.in.Name, ""); w.stopped() {
		return nil, nil
	}
	q := w.query()
	q.vrf = w.vrfOf(at)
	local, err := has(ns, w.to.Addr(), q.vrf)
	if err != nil {
		return nil, err
	}
	if w.checkSource(at, q.vrf); w.stopped() {
		return nil, nil
	}
	if local {
		w.note(Routing, "", "%s is its own address", w.to.Addr())
		return nil, w.deliver(ns, at.in.Name)
	}
	if w.checkForwarding(at); w.stopped() {
		return nil, nil
	}
	q.src, q.in = w.from.Addr(), at.in.Index
	r, err := ask(ns, q)
	if err != nil {
		return nil, w.unroutable(ns, q, err)
	}
	w.noteRoute(ns, q, r)
	if w.pass(ns, "FORWARD", at.in.Name, r.dev); w.stopped() {
		return nil, nil
	}
	return w.leave(ns, r)
}

// deliver follows a packet to its end in a namespace that has its destination.
func (w *walk) deliver(ns *observe.NS, in string) error {
	if in == "lo" && !w.reply && w.loopbackDown(ns) {
		return nil
	}
	if w.pass(ns, "INPUT", in, ""); w.stopped() {
		return nil
	}
	if w.reply {
		if ns.Identity != w.origin.Identity {
			w.stop(Routing, fmt.Sprintf("the answer ends here, and not in %s: both have the address %s", w.origin.Name, w.to.Addr()),
				fmt.Sprintf("give %s to one of them only", w.to.Addr()))
		}
		return nil
	}
	if w.packet.Protocol != unix.IPPROTO_TCP {
		return nil
	}
	return w.listens(ns)
}

// loopbackDown stops the packet if it goes to the namespace's own address and lo is down.
func (w *walk) loopbackDown(ns *observe.NS) bool {
	links, err := ns.Links(w.ctx)
	if err != nil {
		return false
	}
	lo := links.ByName("lo")
	if lo == nil || lo.Up() {
		return false
	}
	w.stop(Wire, "lo is down: packets of a namespace to its own addresses go through it", "run: ip link set lo up in "+ns.Name)
	return true
}

// leave follows a packet out of a namespace by a route.
func (w *walk) leave(ns *observe.NS, r *route) (*place, error) {
	if w.pass(ns, "POSTROUTING", "", r.dev); w.stopped() {
		return nil, nil
	}
	if t := w.tracks[ns.Identity]; t != nil && !w.reply {
		t.out = r.dev
		if rule, missing := w.wouldMasquerade(t); missing != "" {
			w.note(Firewall, Doubtful, "the packet leaves by %s and is not masqueraded: the rule is for %s (%s)", r.dev, missing, rule)
		}
	}
	links, err := ns.Links(w.ctx)
	if err != nil {
		return nil, err
	}
	out := links.ByIndex(r.out)
	if out == nil {
		return nil, errors.New("the interface of the route has just gone")
	}
	if limit := r.limit(out); w.packet.Size > limit {
		w.stop(Wire, fmt.Sprintf("the packet has %d bytes, and %s takes %d: it does not fit", w.packet.Size, out.Name, limit),
			fmt.Sprintf("set the mtu of both ends of each link on the way to the same value; the smallest one is %d on %s in %s", limit, out.Name, ns.Name))
		return nil, nil
	}
	return w.cross(ns, out, r.nextHop(w.to.Addr()))
}

// query is the question for the route of the packet.
func (w *walk) query() query {
	return query{dst: w.to.Addr(), protocol: w.packet.Protocol, sport: w.from.Port(), dport: w.to.Port()}
}

// vrfOf is the index of the VRF that the packet's interface is in, or 0.
func (w *walk) vrfOf(at place) int {
	links, err := at.ns.Links(w.ctx)
	if err != nil {
		return 0
	}
	if m := links.ByIndex(at.in.Master); m != nil && m.Kind == "vrf" {
		return m.Index
	}
	return 0
}
