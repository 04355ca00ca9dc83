package graph

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// Picture is what has been drawn so far. Of interfaces that nobody asked for, those that have no address and no line are
// left out: the kernel puts several into every namespace.
func (s *Sketch) Picture() *Picture {
	p := &Picture{Version: 1, Namespaces: []*Box{}, Lines: []*Line{}}
	boxes, cards := map[string]*Box{}, map[End]*Interface{}
	for name, drawn := range s.boxes {
		boxes[name] = &Box{Name: drawn.name, Selector: drawn.selector, Mark: s.boxMark(drawn)}
		for dev, card := range drawn.cards {
			i := &Interface{Name: dev, Kind: card.kind, Details: card.details}
			if card.wanted || card.found {
				i.Mark = s.judge(card.layer, card.from)
			} else {
				i.Mark = s.undrawn(drawn)
			}
			cards[End{name, dev}] = i
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.notes)) {
		n := s.notes[id]
		note := Note{n.text, s.judge(n.layer, n.from)}
		if card := cards[End{n.box, n.card}]; card != nil {
			card.Notes = append(card.Notes, note)
		} else if b := boxes[n.box]; b != nil {
			b.Notes = append(b.Notes, note)
		}
	}
	p.Remotes = s.remotes()
	joined := map[End]bool{}
	for key, l := range s.lines {
		p.Lines = append(p.Lines, &Line{key.join, key.from, key.to, s.judge(l.layer, l.from...)})
		joined[key.from], joined[key.to] = true, true
	}
	slices.SortFunc(p.Lines, func(a, b *Line) int {
		return cmp.Or(compareEnds(a.From, b.From), compareEnds(a.To, b.To), strings.Compare(string(a.Join), string(b.Join)))
	})
	for end, card := range cards {
		if card.State != Foreign || len(card.Notes) > 0 || joined[end] {
			boxes[end.Namespace].Interfaces = append(boxes[end.Namespace].Interfaces, card)
		}
	}
	for name, b := range boxes {
		slices.SortFunc(b.Interfaces, func(a, c *Interface) int { return natural(a.Name, c.Name) })
		if len(b.Interfaces)+len(b.Notes) > 0 || s.boxes[name].wanted && name != spec.Host {
			p.Namespaces = append(p.Namespaces, b)
		}
	}
	slices.SortFunc(p.Namespaces, func(a, b *Box) int { return compareNamespaces(a.Name, b.Name) })
	return p
}

// remotes are the hosts at the far end of tunnels. One stands as the best of its tunnels.
func (s *Sketch) remotes() (remotes []*Box) {
	byName := map[string]*Box{}
	for key, l := range s.lines {
		if key.join != Tunnel {
			continue
		}
		m := s.judge(l.layer, l.from...)
		b := byName[key.to.Name]
		if b == nil {
			b = &Box{Name: key.to.Name, Mark: m}
			byName[b.Name] = b
			remotes = append(remotes, b)
		}
		if m.State.rank() < b.State.rank() {
			b.Mark = m
		}
	}
	slices.SortFunc(remotes, func(a, b *Box) int { return natural(a.Name, b.Name) })
	return remotes
}

// Only is the picture of some namespaces, or of all where no names are given: of the others, it has what is joined to
// these, and the masters of that.
func (p *Picture) Only(names []string) *Picture {
	if len(names) == 0 {
		return p
	}
	chosen := map[string]bool{}
	for _, name := range names {
		chosen[name] = true
	}
	kept, beside := map[End]bool{}, map[End]bool{}
	for _, l := range p.Lines {
		if chosen[l.From.Namespace] || chosen[l.To.Namespace] {
			kept[l.From], kept[l.To] = true, true
		}
	}
	for _, l := range p.Lines {
		if l.Join == Port && kept[l.From] && !chosen[l.From.Namespace] {
			beside[l.To] = true
		}
	}
	maps.Copy(kept, beside)
	only := &Picture{Version: p.Version, Namespaces: []*Box{}, Lines: []*Line{}}
	for _, b := range p.Namespaces {
		part := *b
		if !chosen[b.Name] {
			part.Notes = nil
			part.Interfaces = slices.DeleteFunc(slices.Clone(b.Interfaces), func(i *Interface) bool { return !kept[End{b.Name, i.Name}] })
		}
		if chosen[b.Name] || len(part.Interfaces) > 0 {
			only.Namespaces = append(only.Namespaces, &part)
		}
	}
	for _, l := range p.Lines {
		if (chosen[l.From.Namespace] || kept[l.From]) && (chosen[l.To.Namespace] || kept[l.To]) {
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

// compareNamespaces has linkd's own namespace come first.
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

// natural compares by the numbers in the names as numbers: c2 comes before c10.
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

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
