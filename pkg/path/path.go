// Package path follows the way of a packet through network namespaces, hop by hop, and finds the first obstacle. It reads the state of
// the kernel and writes nothing: routing decisions (RTM_GETROUTE), neighbours, interfaces and the ports of bridges, the rules of
// iptables and nftables, forwarding and rp_filter, and whether something listens at the end. Then it follows the answer back.
//
// What it says is what the present state should do with a packet. Only a real packet (package probe) proves it.
package path

import (
	"context"
	"fmt"
	"net/netip"

	"linkd/pkg/observe"
)

// Packet is the first packet of a connection, or an echo request.
type Packet struct {
	// Destination has port 0 in an echo.
	Destination netip.AddrPort
	// Protocol is unix.IPPROTO_TCP, or unix.IPPROTO_ICMP or unix.IPPROTO_ICMPV6 for an echo.
	Protocol uint8
	// Size is the length of the IP packet in bytes. It is never fragmented.
	Size int
}

// Kind is what a step is about.
type Kind string

// The kinds of steps.
const (
	Routing    Kind = "route"
	Neighbour  Kind = "neighbour"
	Wire       Kind = "link"
	Forwarding Kind = "forwarding"
	Firewall   Kind = "firewall"
	Socket     Kind = "socket"
)

// Mark says whether a step may stop the packet.
type Mark string

// The marks of a step: none, Doubtful if it may stop the packet and linkd cannot tell, and Stops if it does.
const (
	Doubtful Mark = "doubtful"
	Stops    Mark = "stops"
)

// Step is one thing that happens to the packet in a namespace.
type Step struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
	Mark Mark   `json:"mark,omitempty"`
	// By are the interfaces that the packet passes in this step, in order.
	By []Interface `json:"by,omitempty"`
}

// Interface is an interface that a packet passes.
type Interface struct {
	Netns string `json:"netns"`
	Name  string `json:"name"`
}

// Hop is a namespace that the packet comes to. In is the interface by which it comes in; "" if it is sent there.
type Hop struct {
	Netns string `json:"netns"`
	In    string `json:"in,omitempty"`
	Steps []Step `json:"steps"`
}

// Obstacle is what stops the packet, where, and what to do about it.
type Obstacle struct {
	Netns  string `json:"netns"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
	// Answer: it stops the answer, and not the packet.
	Answer bool `json:"answer,omitempty"`
}

// Path is the way of a packet, and of the answer to it.
type Path struct {
	Hops []Hop `json:"hops"`
	Back []Hop `json:"back,omitempty"`
	// Obstacle is the first one; nil if there is none that linkd knows.
	Obstacle *Obstacle `json:"obstacle,omitempty"`
	// Leaves says where the packet or its answer leaves what linkd can follow; "" if it does not.
	Leaves string `json:"leaves,omitempty"`
}

// Doubts are the doubtful steps.
func (p *Path) Doubts() (texts []string) {
	for _, hops := range [][]Hop{p.Hops, p.Back} {
		for _, h := range hops {
			for _, s := range h.Steps {
				if s.Mark == Doubtful {
					texts = append(texts, h.Netns+": "+s.Text)
				}
			}
		}
	}
	return texts
}

// mostHops is how many namespaces a packet may come through, on either way: the kernel gives a packet 64 hops.
const mostHops = 32

// Follow follows a packet that is sent in a namespace, and the answer to it. It opens namespaces in the session, which the caller
// closes. The error says why even the beginning of the way cannot be told; what cannot be told further on is a doubtful step.
func Follow(ctx context.Context, session *observe.Session, from *observe.NS, p Packet) (*Path, error) {
	w := &walk{
		ctx: ctx, peers: observe.NewPeers(session), path: &Path{}, origin: from, packet: p,
		firewalls: map[ruleset]*look{}, tracks: map[observe.Identity]*track{},
	}
	w.to = p.Destination
	w.hops = &w.path.Hops
	end, err := w.follow(place{ns: from})
	if err != nil || end == nil {
		return w.path, err
	}
	w.reply, w.sent = true, w.from
	w.from, w.to = w.to, w.from
	if end.ns.Identity == from.Identity {
		// The answer does not leave the namespace.
		return w.path, nil
	}
	w.hops = &w.path.Back
	_, err = w.follow(place{ns: end.ns})
	return w.path, err
}

// place is a namespace that a packet comes to, by an interface, or is sent in.
type place struct {
	ns *observe.NS
	in *observe.Link
}

// follow follows the packet until it arrives, in the namespace that it returns, or stops or leaves, and returns nil.
func (w *walk) follow(at place) (*place, error) {
	seen := map[visit]bool{}
	for range mostHops {
		this := visit{ns: at.ns.Identity, from: w.from, to: w.to}
		if at.in != nil {
			this.in = at.in.Index
		}
		if seen[this] {
			w.stop(Routing, fmt.Sprintf("the packet goes round in a circle: it has come to %s by %s before", at.ns.Name, at.in.Name),
				fmt.Sprintf("correct the routes to %s in the namespaces above: they send the packet to each other", w.to.Addr()))
			return nil, nil
		}
		seen[this] = true
		next, err := w.visit(at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at.ns.Name, err)
		}
		switch {
		case w.path.Obstacle != nil || w.path.Leaves != "":
			return nil, nil
		case next == nil:
			return &at, nil
		}
		at = *next
	}
	w.stop(Routing, fmt.Sprintf("linkd follows a packet through %d namespaces at most", mostHops), "probe from one of the namespaces above")
	return nil, nil
}

// visit is a packet that comes to a namespace. If it comes again, it goes round in a circle.
type visit struct {
	ns       observe.Identity
	in       int
	from, to netip.AddrPort
}
