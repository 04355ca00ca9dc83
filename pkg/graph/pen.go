package graph

import (
	"fmt"
	"slices"

	"linkd/pkg/spec"
)

// Drawn is a resource that pictures show. Draw draws a desired resource in the same way as an observed one.
type Drawn interface{ Draw(p *Pen) }

// Annotated is a resource that only adds notes to its namespace, such as a rule of the firewall. The picture has the notes of
// declared resources and of those that linkd removes. linkd does not look for others.
type Annotated interface{ Annotate(p *Pen) }

// Pen draws one resource. What it draws has the status of the resource.
type Pen struct {
	builder *Builder
	id      spec.ID
	source  spec.Source
	found   bool
	// onlyFound: linkd configures the interface but does not make it, so only the observed one says what it is.
	onlyFound bool
}

// Interface draws the resource as an interface of this kind. Each of the details is a few words.
func (p *Pen) Interface(kind string, details ...string) {
	_, card := p.builder.iface(p.id)
	if !card.declared || card.onlyFound {
		card.kind, card.details, card.onlyFound = kind, details, p.onlyFound
	}
	card.add(p.found)
	card.resource = p.builder.canonical(p.id)
	if !p.found {
		card.source = p.source
	}
}

// Note adds text to the interface dev, or to the namespace if dev is "". A resource has one such note.
func (p *Pen) Note(dev, text string) {
	ns := p.id
	ns.Key = dev
	n := p.note(p.builder.canonical(p.id).String(), p.source, text)
	if n.iface == "" {
		// Only the observed route may have its interface: the kernel chooses it.
		n.iface = dev
	}
	if n.iface != "" {
		p.builder.iface(ns)
	}
}

// Entry adds text to the namespace, for one of several entries of which the resource consists. Source is where the entry is
// declared.
func (p *Pen) Entry(source spec.Source, text string) {
	p.note(fmt.Sprint(p.builder.canonical(p.id), " ", source.Line, ":", source.Column, " ", text), source, text)
}

// note returns the note with this key, and creates it if necessary.
func (p *Pen) note(key string, source spec.Source, text string) *noteBuilder {
	id := p.builder.canonical(p.id)
	n := p.builder.notes[key]
	if n == nil {
		n = &noteBuilder{node: id.NS, text: text, resource: id}
		p.builder.notes[key] = n
	}
	if !p.found {
		n.source = source
	}
	n.add(p.found)
	return n
}

// Line draws a line between two interfaces.
func (p *Pen) Line(join Join, from, to spec.ID) {
	a, _ := p.builder.iface(from)
	b, _ := p.builder.iface(to)
	if join == Cable && less(b, a) {
		a, b = b, a
	}
	p.line(lineKey{join, a, b})
}

// Tunnel draws a line from an interface to the remote end of its tunnel, a unicast or multicast address.
func (p *Pen) Tunnel(from spec.ID, address string) {
	a, _ := p.builder.iface(from)
	p.line(lineKey{Tunnel, a, End{Name: address}})
}

func (p *Pen) line(key lineKey) {
	l := p.builder.lines[key]
	if l == nil {
		l = &lineBuilder{}
		p.builder.lines[key] = l
	}
	l.add(p.found)
	if id := p.builder.canonical(p.id); !slices.Contains(l.resources, id) {
		l.resources = append(l.resources, id)
	}
}
