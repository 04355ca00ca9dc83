package graph

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// somePicture returns a random picture: cables, ports, parents and tunnels between interfaces of some namespaces.
func somePicture(t *rapid.T) *Picture {
	p := &Picture{Version: 1}
	var ends []End
	for b := range rapid.IntRange(1, 30).Draw(t, "namespaces") {
		node := &Node{Name: fmt.Sprint("ns", b), Status: Status{State: OK}}
		if b == 0 && rapid.Bool().Draw(t, "host") {
			node.Name = "host"
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "interfaces") {
			notes := make([]Note, rapid.IntRange(0, 3).Draw(t, "notes"))
			for n := range notes {
				notes[n] = Note{"10.0.0.1/24", Status{State: OK}}
			}
			node.Interfaces = append(node.Interfaces, &Interface{Name: fmt.Sprint("eth", i), Kind: "veth", Status: Status{State: OK}, Notes: notes})
			ends = append(ends, End{node.Name, fmt.Sprint("eth", i)})
		}
		p.Namespaces = append(p.Namespaces, node)
	}
	if len(ends) == 0 {
		return p
	}
	end := rapid.SampledFrom(ends)
	for i := range rapid.IntRange(0, 40).Draw(t, "lines") {
		l := &Line{Cable, end.Draw(t, "from"), end.Draw(t, "to"), Status{State: OK}}
		switch kind := rapid.IntRange(0, 9).Draw(t, "join"); {
		case kind == 0:
			l.Join, l.To = Tunnel, End{Name: fmt.Sprint("192.0.2.", i)}
			p.Remotes = append(p.Remotes, &Node{Name: l.To.Name, Status: Status{State: OK}})
		case kind < 4:
			l.Join = Parent
		}
		if l.From != l.To {
			p.Lines = append(p.Lines, l)
		}
	}
	return p
}

type rect struct{ left, top, right, bottom int }

func (f *frame) rect() rect { return rect{f.x, f.y, f.x + f.w, f.y + f.h} }

func (c *card) rect() rect {
	x, y := c.frame.x+c.x, c.frame.y+c.y
	return rect{x, y, x + c.w, y + c.h}
}

// overlaps reports whether two rectangles have more than their edges in common.
func (r rect) overlaps(o rect) bool {
	return r.left < o.right && o.left < r.right && r.top < o.bottom && o.top < r.bottom
}

func TestNothingOverlaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := somePicture(t)
		d := layOut(p)
		all := rect{0, 0, d.width + 1, d.height + 1}
		for i, f := range d.frames {
			if r := f.rect(); !all.overlaps(r) || r.left < 0 || r.top < 0 || r.right > d.width || r.bottom > d.height {
				t.Fatalf("%s is at %v, in a drawing of %d by %d", f.Name, r, d.width, d.height)
			}
			for _, o := range d.frames[:i] {
				if f.rect().overlaps(o.rect()) {
					t.Fatalf("%s at %v lies over %s at %v", f.Name, f.rect(), o.Name, o.rect())
				}
			}
			for k, c := range f.cards {
				own := c.rect()
				if own.left < f.x-edgeOverlap || own.right > f.x+f.w+edgeOverlap || own.top < f.y || own.bottom > f.y+f.h {
					t.Fatalf("%s at %v is not in %s at %v", c.Name, own, f.Name, f.rect())
				}
				for _, o := range f.cards[:k] {
					if own.overlaps(o.rect()) {
						t.Fatalf("in %s, %s at %v lies over %s at %v", f.Name, c.Name, own, o.Name, o.rect())
					}
				}
			}
		}
		for _, w := range d.wires {
			checkWire(t, d, w)
		}
		if first, again := svg(p), svg(p); first != again {
			t.Fatal("two drawings of the same picture differ")
		}
	})
}

// checkWire checks that a line begins and ends at its cards, is horizontal or vertical everywhere, and crosses no other
// namespace.
func checkWire(t *rapid.T, d *drawing, w *wire) {
	t.Helper()
	for i, end := range []anchor{w.a, w.b} {
		at := w.points[i*(len(w.points)-1)]
		if at.y != end.y() || at.x != end.left() && at.x != end.right() {
			t.Fatalf("a line to %s ends at %v", end.end(), at)
		}
	}
	for i, to := range w.points[1:] {
		from := w.points[i]
		if from.x != to.x && from.y != to.y {
			t.Fatalf("the line from %v to %v is neither horizontal nor vertical", from, to)
		}
		run := rect{min(from.x, to.x), min(from.y, to.y), max(from.x, to.x) + 1, max(from.y, to.y) + 1}
		if run.left < 0 || run.top < 0 || run.right > d.width || run.bottom > d.height {
			t.Fatalf("the line from %v to %v leaves the drawing", from, to)
		}
		for _, f := range d.frames {
			if f != w.a.frame && f != w.b.frame && run.overlaps(f.rect()) {
				t.Fatalf("the line of %s and %s, from %v to %v, crosses %s at %v", w.a.end(), w.b.end(), from, to, f.Name, f.rect())
			}
		}
	}
}

// The picture of fifty containers fits on a page, whatever is written above the cards of the host, and no cable meets another.
func TestFiftyNamespacesFitOnAPage(t *testing.T) {
	for notes := range maxNotes {
		d := layOut(pictureOfContainers(50, notes))
		if d.width > pageWidth || d.across < 2 {
			t.Errorf("the drawing is %d by %d, with %d namespaces side by side", d.width, d.height, d.across)
		}
		stretches := map[*wire][]rect{}
		for _, w := range d.wires {
			for i := 1; i < len(w.points) && w.Join == Cable; i++ {
				a, b := w.points[i-1], w.points[i]
				// A cable is 2.5 pixels wide.
				stretches[w] = append(stretches[w], rect{min(a.x, b.x) - 1, min(a.y, b.y) - 1, max(a.x, b.x) + 2, max(a.y, b.y) + 2})
			}
		}
		for w, own := range stretches {
			for o, others := range stretches {
				for _, a := range own {
					if w != o && slices.ContainsFunc(others, a.overlaps) {
						t.Errorf("with %d notes, the cables of %s and %s meet at %v", notes, w.To.Namespace, o.To.Namespace, a)
					}
				}
			}
		}
	}
}

// pictureOfContainers returns a picture of n namespaces, each with a cable to a bridge in the host, which has notes.
func pictureOfContainers(n, notes int) *Picture {
	host := &Node{Name: "host", Interfaces: []*Interface{{Name: "br0", Kind: "bridge"}}}
	for range notes {
		host.Notes = append(host.Notes, Note{Text: "policy FORWARD DROP"})
	}
	p := &Picture{Namespaces: []*Node{host}}
	for i := range n {
		dev, ns := fmt.Sprint("ve", i), fmt.Sprint("c", i)
		host.Interfaces = append(host.Interfaces, &Interface{Name: dev, Kind: "veth"})
		p.Namespaces = append(p.Namespaces, &Node{Name: ns, Interfaces: []*Interface{{Name: "eth0", Kind: "veth", Notes: []Note{{Text: "10.0.0.2/24"}, {Text: "default via 10.0.0.1"}}}}})
		p.Lines = append(p.Lines, &Line{Join: Port, From: End{"host", dev}, To: End{"host", "br0"}}, &Line{Join: Cable, From: End{"host", dev}, To: End{ns, "eth0"}})
	}
	return p
}
