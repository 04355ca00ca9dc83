package fdb

import (
	"linkd/pkg/graph"
	"linkd/pkg/spec"
)

var _ graph.Drawn = &Entry{}

// Draw implements graph.Drawn: where a VXLAN sends what it does not know the place of is where it leads.
func (e *Entry) Draw(p *graph.Pen) {
	if e.Dst.IsValid() && e.MAC == spec.ZeroMAC {
		p.Tunnel(spec.LinkID(e.NS, e.Dev), e.Dst.String())
	}
}
