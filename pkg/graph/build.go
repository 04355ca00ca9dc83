package graph

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// Picture returns the picture of everything that was added, in the order of the files, and after that what no file declares. It leaves out foreign interfaces without notes and lines, because
// the kernel creates several of them in every namespace.
func (s *Builder) Picture() *Picture {
	p := &Picture{Version: 1, Namespaces: []*Node{}, Lines: []*Line{}}
	nodes, ifaces := map[string]*Node{}, map[End]*Interface{}
	for name, builder := range s.nodes {
		nodes[name] = &Node{Name: builder.name, Selector: builder.selector, Status: s.nodeStatus(builder)}
		for dev, iface := range builder.ifaces {
			i := &Interface{Name: dev, Kind: iface.kind, Details: iface.details}
			if iface.declared || iface.found {
				i.Status = s.status(iface.presence, iface.resource)
			} else {
				i.Status = s.referencedStatus(builder)
			}
			ifaces[End{name, dev}] = i
		}
	}
	keys := slices.SortedFunc(maps.Keys(s.notes), func(a, b string) int {
		return cmp.Or(compareNotes(s.notes[a], s.notes[b]), strings.Compare(a, b))
	})
	for _, key := range keys {
		n := s.notes[key]
		note := Note{n.text, s.status(n.presence, n.resource)}
		if iface := ifaces[End{n.node, n.iface}]; iface != nil {
			iface.Notes = append(iface.Notes, note)
		} else if b := nodes[n.node]; b != nil {
			b.Notes = append(b.Notes, note)
		}
	}
	p.Remotes = s.remotes()
	joined := map[End]bool{}
	for key, l := range s.lines {
		p.Lines = append(p.Lines, &Line{key.join, key.from, key.to, s.status(l.presence, l.resources...)})
		joined[key.from], joined[key.to] = true, true
	}
	slices.SortFunc(p.Lines, func(a, b *Line) int {
		return cmp.Or(compareEnds(a.From, b.From), compareEnds(a.To, b.To), strings.Compare(string(a.Join), string(b.Join)))
	})
	for end, iface := range ifaces {
		if iface.State != Foreign || len(iface.Notes) > 0 || joined[end] {
			nodes[end.Namespace].Interfaces = append(nodes[end.Namespace].Interfaces, iface)
		}
	}
	for name, b := range nodes {
		slices.SortFunc(b.Interfaces, func(a, c *Interface) int {
			return cmp.Or(compareSources(s.nodes[name].ifaces[a.Name].source, s.nodes[name].ifaces[c.Name].source), natural(a.Name, c.Name))
		})
		if len(b.Interfaces)+len(b.Notes) > 0 || s.nodes[name].declared && name != spec.Host {
			p.Namespaces = append(p.Namespaces, b)
		}
	}
	slices.SortFunc(p.Namespaces, func(a, b *Node) int {
		if a.Name == spec.Host || b.Name == spec.Host {
			return compareNamespaces(a.Name, b.Name)
		}
		return cmp.Or(compareSources(s.nodes[a.Name].source, s.nodes[b.Name].source), compareNamespaces(a.Name, b.Name))
	})
	return p
}

// compareNotes keeps the notes of one place together. It puts the addresses of an interface before its routes, wherever the files have
// these.
func compareNotes(a, b *noteBuilder) int {
	if by := cmp.Or(strings.Compare(a.node, b.node), strings.Compare(a.iface, b.iface)); by != 0 {
		return by
	}
	if a.iface != "" && a.resource.Kind != b.resource.Kind {
		return strings.Compare(a.resource.Kind, b.resource.Kind)
	}
	return compareSources(a.source, b.source)
}

// compareSources compares places in the files, in the order in which linkd reads these. What no file declares comes last.
func compareSources(a, b spec.Source) int {
	if declared := a != (spec.Source{}); declared != (b != (spec.Source{})) {
		if declared {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// remotes returns the remote ends of tunnels. Each has the best status of its tunnels.
func (s *Builder) remotes() (remotes []*Node) {
	byName := map[string]*Node{}
	for key, l := range s.lines {
		if key.join != Tunnel {
			continue
		}
		m := s.status(l.presence, l.resources...)
		b := byName[key.to.Name]
		if b == nil {
			b = &Node{Name: key.to.Name, Status: m}
			byName[b.Name] = b
			remotes = append(remotes, b)
		}
		if m.State.rank() < b.State.rank() {
			b.Status = m
		}
	}
	slices.SortFunc(remotes, func(a, b *Node) int { return natural(a.Name, b.Name) })
	return remotes
}

// Only returns the picture of the namespaces with these names; the whole picture if there are no names. Of other namespaces it
// keeps the interfaces that lines join to these, and the masters of such interfaces.
func (p *Picture) Only(names []string) *Picture {
	if len(names) == 0 {
		return p
	}
	selected := map[string]bool{}
	for _, name := range names {
		selected[name] = true
	}
	kept, masters := map[End]bool{}, map[End]bool{}
	for _, l := range p.Lines {
		if selected[l.From.Namespace] || selected[l.To.Namespace] {
			kept[l.From], kept[l.To] = true, true
		}
	}
	for _, l := range p.Lines {
		if l.Join == Port && kept[l.From] && !selected[l.From.Namespace] {
			masters[l.To] = true
		}
	}
	maps.Copy(kept, masters)
	only := &Picture{Version: p.Version, Namespaces: []*Node{}, Lines: []*Line{}}
	for _, b := range p.Namespaces {
		partial := *b
		if !selected[b.Name] {
			partial.Notes = nil
			partial.Interfaces = slices.DeleteFunc(slices.Clone(b.Interfaces), func(i *Interface) bool { return !kept[End{b.Name, i.Name}] })
		}
		if selected[b.Name] || len(partial.Interfaces) > 0 {
			only.Namespaces = append(only.Namespaces, &partial)
		}
	}
	for _, l := range p.Lines {
		if (selected[l.From.Namespace] || kept[l.From]) && (selected[l.To.Namespace] || kept[l.To]) {
			only.Lines = append(only.Lines, l)
		}
	}
	for _, r := range p.Remotes {
		if slices.ContainsFunc(only.Lines, func(l *Line) bool { return l.To == End{Name: r.Name} }) {
			only.Remotes = append(only.Remotes, r)
		}
	}
	return only
}

// compareNamespaces compares names in natural order, with the host before all others.
func compareNamespaces(a, b string) int {
	if (a == spec.Host) != (b == spec.Host) {
		if a == spec.Host {
			return -1
		}
		return 1
	}
	return natural(a, b)
}

func compareEnds(a, b End) int {
	return cmp.Or(compareNamespaces(a.Namespace, b.Namespace), natural(a.Name, b.Name))
}

func less(a, b End) bool { return compareEnds(a, b) < 0 }

// natural compares names in natural order: it compares the numbers in them as numbers, so that c2 comes before c10.
func natural(a, b string) int {
	for x, y := a, b; x != "" && y != ""; {
		m, n := digits(x), digits(y)
		switch {
		case m > 0 && n > 0:
			p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
			if c := cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q)); c != 0 {
				return c
			}
			x, y = x[m:], y[n:]
		case x[0] != y[0]:
			return cmp.Compare(x[0], y[0])
		default:
			x, y = x[1:], y[1:]
		}
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// digits returns the number of digits at the start of s.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
