package probe

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/path"
)

// Report is what became of a probe, and the way that its packet should have taken.
type Report struct {
	// Name is the name of the probe in the files; "" if it has none.
	Name string `json:"name,omitempty"`
	From string `json:"from"`
	To   string `json:"to"`
	Result
	// Milliseconds is how long it took until the answer came, or linkd gave up.
	Milliseconds float64 `json:"milliseconds"`
	// Path is what the state of the machine says about the way. Unknown says why nothing is known about it.
	Path    *path.Path `json:"path,omitempty"`
	Unknown string     `json:"unknown,omitempty"`
}

// walkTime is how long linkd may take to follow the way of a packet.
const walkTime = 30 * time.Second

// smallPacket is the size in bytes of the first packet of a TCP connection, and of a small echo, at most.
const smallPacket = 84

// Run sends a probe and then follows its way: the packet has the kernel look for its neighbours. Namespaces are opened in the session,
// which the caller closes.
func Run(ctx context.Context, session *observe.Session, from *observe.NS, t Target, within time.Duration) Report {
	r := Report{From: from.Name, To: t.String(), Result: Send(ctx, from, t, within)}
	r.Milliseconds = float64(r.Took.Microseconds()) / 1000
	r.explain(ctx, session, from, t)
	return r
}

// explain follows the way of the packet.
func (r *Report) explain(ctx context.Context, session *observe.Session, from *observe.NS, t Target) {
	ctx, cancel := context.WithTimeout(ctx, walkTime)
	defer cancel()
	p := path.Packet{Destination: t.Address, Protocol: unix.IPPROTO_TCP, Size: max(smallPacket, r.Size)}
	if t.Method == Echo {
		p.Protocol = unix.IPPROTO_ICMPV6
		if t.Address.Addr().Is4() {
			p.Protocol = unix.IPPROTO_ICMP
		}
	}
	var err error
	if r.Path, err = path.Follow(ctx, session, from, p); err != nil {
		r.Unknown = err.Error()
	}
}

// Conclusion says where the packet stops and what to do about it, or that linkd does not know. It is "" if the packet arrives and
// nothing seems to be in its way.
func (r *Report) Conclusion() (text, advice string) {
	var o *path.Obstacle
	leaves := ""
	var doubts []string
	if r.Path != nil {
		o, leaves, doubts = r.Path.Obstacle, r.Path.Leaves, r.Path.Doubts()
	}
	switch {
	case o != nil && r.Arrived:
		return fmt.Sprintf("the packet arrives, although the state says that it stops in %s: %s", o.Netns, o.Text), ""
	case o != nil && o.Answer:
		return fmt.Sprintf("the answer stops in %s: %s", o.Netns, o.Text), o.Advice
	case o != nil:
		return fmt.Sprintf("the packet stops in %s: %s", o.Netns, o.Text), o.Advice
	case r.Arrived:
		return "", ""
	case r.Unknown != "":
		return "linkd cannot tell where the packet stops: " + r.Unknown, ""
	case leaves != "":
		return "linkd finds no obstacle: " + leaves, "look at what is behind that: its addresses, its routes back, its firewall"
	case len(doubts) > 0:
		return "linkd finds no certain obstacle. This may be it: " + doubts[0], ""
	}
	return "linkd finds no obstacle: by the state of the machine, the packet and the answer should arrive", "look at what linkd cannot follow: tc, XDP, ebtables, policies of IPsec, the program at the target"
}
