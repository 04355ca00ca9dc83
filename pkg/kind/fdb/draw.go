package fdb

import (
	"linkd/pkg/graph"
	"linkd/pkg/spec"
)

var _ graph.Drawn = &Entry{}

// Draw draws a tunnel for each host to which a VXLAN sends frames for unknown addresses.
func (e *Entry) Draw(p *graph.Pen) {
	if e.Dst.IsValid() && e.MAC == spec.ZeroMAC {
		p.Tunnel(spec.LinkID(e.NS, e.Dev), e.Dst.String())
	}
}
