package route

import (
	"golang.org/x/sys/unix"

	"linkd/pkg/graph"
)

var _ graph.Drawn = &Route{}

// Draw draws the route, without its device if it is drawn on that.
func (r *Route) Draw(p *graph.Pen) {
	if r.Proto != unix.RTPROT_UNSPEC && r.whyNotShown() != "" {
		return
	}
	text, dev := r.ID().Key, r.device()
	if r.To.Bits() > 0 {
		text = "to " + text
	}
	if r.Type != unix.RTN_UNICAST {
		text = r.Type.String() + " " + text
	}
	for i, hop := range r.hops() {
		if i > 0 {
			text += ","
		}
		if dev != "" {
			hop.Dev = ""
		}
		text += hopText(hop.Via, hop.Dev)
	}
	if r.Encap != nil {
		text += " encap " + r.Encap.String()
	}
	p.Note(dev, text)
}
