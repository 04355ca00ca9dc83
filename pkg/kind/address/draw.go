package address

import "linkd/pkg/graph"

var _ graph.Drawn = &Address{}

func (a *Address) Draw(p *graph.Pen) {
	if a.index != 0 && a.byItself() {
		return
	}
	if a.of != "" {
		p.Note(a.Dev, a.of)
		return
	}
	text := a.Prefix.String()
	if a.Peer != nil {
		text += " peer " + a.Peer.String()
	}
	p.Note(a.Dev, text)
}
