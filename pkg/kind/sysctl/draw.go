package sysctl

import "linkd/pkg/graph"

var _ graph.Annotated = Sysctl{}

// Annotate adds a note for a setting that decides whether the namespace forwards packets. Pictures show no other settings.
func (s Sysctl) Annotate(p *graph.Pen) {
	switch s.Path {
	case "net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding", "net/ipv6/conf/all/forwarding":
		p.Entry(s.Source, s.ID().Key+" "+s.Value)
	}
}
