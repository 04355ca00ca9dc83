package route

import (
	"golang.org/x/sys/unix"

	"linkd/pkg/graph"
)

var _ graph.Drawn = &Route{}

// Draw implements graph.Drawn. The device need not be named where the route is drawn on it.
func (r *Route) Draw(p *graph.Pen) {
	if r.Proto != unix.RTPROT_UNSPEC && r.withheld() != "" {
		return
	}
	text, dev := r.ID().Key, r.device()
	if r.To.Bits() > 0 {
		text = "to " + text
	}
	if r.Type != unix.RTN_UNICAST {
		text = r.Type.String() + " " + text
	}
	for i, way := range r.ways() {
		if i > 0 {
			text += ","
		}
		if dev != "" {
			way.Dev = ""
		}
		text += wayOf(way.Via, way.Dev)
	}
	p.Note(dev, text)
}
