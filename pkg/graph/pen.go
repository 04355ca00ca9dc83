package graph

import (
	"slices"

	"linkd/pkg/spec"
)

// Drawn is a resource that is to be seen in a picture. Wanted or found, it draws itself with the pen.
type Drawn interface{ Draw(p *Pen) }

// Pen draws one resource: what it draws stands as the resource does.
type Pen struct {
	sketch *Sketch
	id     spec.ID
	found  bool
	// loose: what is found says better what it is.
	loose bool
}

// Interface draws the resource itself as an interface of a kind, of which details say more in a few words each.
func (p *Pen) Interface(kind string, details ...string) {
	_, card := p.sketch.at(p.id)
	if !card.wanted || card.loose {
		card.kind, card.details, card.loose = kind, details, p.loose
	}
	card.add(p.found)
	card.from = p.sketch.canonical(p.id)
}

// Note writes something on an interface, or, where dev is "", in its namespace.
func (p *Pen) Note(dev, text string) {
	ns := p.id
	ns.Key = dev
	id := p.sketch.canonical(p.id)
	n := p.sketch.notes[id.String()]
	switch {
	case n == nil:
		n = &drawnNote{box: id.NS, card: dev, text: text, from: id}
		p.sketch.notes[id.String()] = n
	case n.card == "":
		// By which interface a route leaves, only the kernel may tell.
		n.card = dev
	}
	n.add(p.found)
	if n.card != "" {
		p.sketch.at(ns)
	}
}

// Line joins two interfaces.
func (p *Pen) Line(join Join, from, to spec.ID) {
	a, _ := p.sketch.at(from)
	b, _ := p.sketch.at(to)
	if join == Cable && less(b, a) {
		a, b = b, a
	}
	p.line(lineKey{join, a, b})
}

// Tunnel joins an interface and the host, or the group of hosts, at an address beyond it.
func (p *Pen) Tunnel(from spec.ID, address string) {
	a, _ := p.sketch.at(from)
	p.line(lineKey{Tunnel, a, End{Name: address}})
}

func (p *Pen) line(key lineKey) {
	l := p.sketch.lines[key]
	if l == nil {
		l = &drawnLine{}
		p.sketch.lines[key] = l
	}
	l.add(p.found)
	if id := p.sketch.canonical(p.id); !slices.Contains(l.from, id) {
		l.from = append(l.from, id)
	}
}
