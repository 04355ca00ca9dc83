package graph

import "linkd/pkg/plain"

// Collapse returns the picture in which each of the namespaces with these names is one box: without its interfaces and the lines
// between them. Lines to other namespaces lead to the box. A box has the worst state of everything in it.
func (p *Picture) Collapse(names []string) *Picture {
	if len(names) == 0 {
		return p
	}
	collapsed := map[string]bool{}
	for _, name := range names {
		collapsed[name] = true
	}
	out := &Picture{Version: p.Version, Namespaces: []*Node{}, Remotes: p.Remotes, Lines: []*Line{}}
	for _, n := range p.Namespaces {
		if collapsed[n.Name] {
			n = n.collapse()
		}
		out.Namespaces = append(out.Namespaces, n)
	}
	joined := map[lineKey]*Line{}
	for _, l := range p.Lines {
		key := lineKey{l.Join, collapseEnd(l.From, collapsed), collapseEnd(l.To, collapsed)}
		if key.from.Name == "" && key.from == key.to {
			continue
		}
		if known := joined[key]; known != nil {
			known.Status = worse(known.Status, l.Status)
			continue
		}
		joined[key] = &Line{l.Join, key.from, key.to, l.Status}
		out.Lines = append(out.Lines, joined[key])
	}
	return out
}

// collapse returns the namespace without its interfaces.
func (b *Node) collapse() *Node {
	n := *b
	n.Notes, n.Interfaces = nil, nil
	for _, note := range b.Notes {
		n.Status = worse(n.Status, note.Status)
	}
	for _, i := range b.Interfaces {
		n.Status = worse(n.Status, i.worst())
	}
	if len(b.Interfaces) > 0 {
		n.Notes = []Note{{Text: plain.Count(len(b.Interfaces), "interface"), Status: n.Status}}
	}
	return &n
}

// worst returns the worst status of the interface and its notes.
func (i *Interface) worst() Status {
	worst := i.Status
	for _, note := range i.Notes {
		worst = worse(worst, note.Status)
	}
	return worst
}

func worse(a, b Status) Status {
	if b.State.rank() > a.State.rank() {
		return b
	}
	return a
}

// collapseEnd returns the end that stands for the whole namespace if that is collapsed.
func collapseEnd(e End, collapsed map[string]bool) End {
	if collapsed[e.Namespace] {
		e.Name = ""
	}
	return e
}
