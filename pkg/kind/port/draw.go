package port

import (
	"linkd/pkg/graph"
	"linkd/pkg/spec"
)

var _ graph.Drawn = &Port{}

// Draw implements graph.Drawn. Every port that is found on a bridge that tells VLANs apart is in one of them; those that
// somebody has chosen are worth a word.
func (p *Port) Draw(pen *graph.Pen) {
	if p.master() != "" {
		pen.Line(graph.Port, spec.LinkID(p.NS, p.Dev), p.MasterID())
	}
	if p.VLANs != nil && p.found.index == 0 {
		pen.Note(p.Dev, "vlans "+p.VLANs.String())
	}
}
