package link

import "linkd/pkg/graph"

var _ graph.Drawn = &Link{}

// Draw draws the link: an edge for a pair, a node with its parent otherwise.
func (l *Link) Draw(p *graph.Pen) {
	details := l.optionWords()
	if l.Up != nil && !*l.Up || l.found != nil && !l.found.link.Up() {
		details = append(details, "down")
	}
	if origin, fetched := l.FetchedFrom(); fetched {
		details = append(details, "from "+end(origin))
	}
	switch {
	case l.Peer != nil:
		p.Line(graph.Cable, l.ID(), l.Peer.ID())
	case l.hasParent():
		p.Line(graph.Parent, l.ID(), l.Parent)
	case l.shownBirth() != "":
		details = append(details, birthKey+" "+l.shownBirth())
	case l.found != nil && l.found.other.Index != 0:
		details = append(details, "tied to another namespace")
	}
	p.Interface(l.Type, details...)
}

// optionWords returns the options of the link's type that the files set, or that were observed, and that differ from the kernel's
// defaults.
func (l *Link) optionWords() (words []string) {
	of := typeNamed(l.Type)
	if of == nil {
		return nil
	}
	options := of.optionsOf()
	if l.found == nil && l.Options != nil {
		options = l.Options.options()
	}
	for _, o := range options {
		value := o.want
		if l.found != nil {
			value = o.in(l.found.link.Data)
		}
		if word := o.format(value); len(value) > 0 && word != "" && word != o.usual && o.name != "" {
			words = append(words, o.name+" "+word)
		}
	}
	return words
}
