package port

import (
	"linkd/pkg/graph"
	"linkd/pkg/spec"
)

var _ graph.Drawn = &Port{}

// Draw draws the line to the master, and the declared VLANs. It leaves out observed VLANs, because every port of a bridge with
// VLAN filtering is in one.
func (p *Port) Draw(pen *graph.Pen) {
	if p.master() != "" {
		pen.Line(graph.Port, spec.LinkID(p.NS, p.Dev), p.MasterID())
	}
	if p.VLANs != nil && p.found.index == 0 {
		pen.Note(p.Dev, "vlans "+p.VLANs.String())
	}
}
