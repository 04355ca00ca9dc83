package graph

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The measures of a drawing, in pixels. Text is drawn in a font of fixed width, so that its length is known wherever it
// is drawn: a character is 0.6 times as wide as the font is high in all that are in use.
const (
	headSize, textSize = 12, 11
	headStep, textStep = 22, 15
	cardPad            = 8
	cardGap            = 8
	framePad           = 14
	margin             = 20
	overlap            = 9  // by how much what leads out of a namespace stands over its edge
	laneStep           = 7  // between lines that run side by side
	channelPad         = 18 // between a box and the first line beside it
	rowGap             = 18
	longest            = 46 // characters of a line of text
)

// drawing is a picture with a place for everything.
type drawing struct {
	picture *Picture
	frames  []*frame
	byEnd   map[End]*frame // by the end that is the whole of it: a namespace, or a host beyond
	cards   map[End]*card
	wires   []*wire

	layers  [][]*frame // from left to right; the first are the hosts beyond the root's tunnels
	root    *frame
	columns []*column
	rows    map[rowKey]*row

	width, height int
}

// frame is a box in the drawing. It is in a row and a column of its layer's grid, and in a column of the drawing.
type frame struct {
	*Box
	remote                 bool
	head                   []string
	cards                  []*card
	wires                  []*wire
	inner                  [][]*card  // by columns
	channels               []*channel // left of each inner column
	layer, row, in, column int
	x, y, w, h             int
	leadsLeft, leadsRight  bool
}

// card is an interface in the drawing. Its y is within its frame.
type card struct {
	*Interface
	frame                 *frame
	text                  []text
	inner                 int
	x, y, w, h            int
	leadsLeft, leadsRight bool
	wires                 []*wire
}

// text is a line on a card or under the name of a frame.
type text struct {
	words string
	state State
}

// wire is a line in the drawing. A whole frame may be an end, and then a card has no part in it.
type wire struct {
	*Line
	a, b   anchor
	path   []*stretch
	points []point
}

// anchor is where a wire begins or ends: a card, or a frame with none.
type anchor struct {
	frame *frame
	card  *card
}

type point struct{ x, y int }

// anchorHeight is where wires meet a card, below its upper edge.
const anchorHeight = headStep / 2

func (a anchor) y() int {
	if a.card != nil {
		return a.frame.y + a.card.y + anchorHeight
	}
	return a.frame.y + a.frame.h/2
}

func (a anchor) end() End {
	switch {
	case a.card != nil:
		return End{a.frame.Name, a.card.Name}
	case a.frame.remote:
		return End{Name: a.frame.Name}
	}
	return End{Namespace: a.frame.Name}
}

func (a anchor) left() int {
	if a.card != nil {
		return a.frame.x + a.card.x
	}
	return a.frame.x
}

func (a anchor) right() int {
	if a.card != nil {
		return a.left() + a.card.w
	}
	return a.left() + a.frame.w
}

// lay gives everything in the picture a place.
func lay(p *Picture) *drawing {
	d := &drawing{picture: p, byEnd: map[End]*frame{}, cards: map[End]*card{}, rows: map[rowKey]*row{}}
	for _, b := range p.Namespaces {
		f := d.frame(b, End{Namespace: b.Name})
		f.head = append([]string{b.Name}, clip(b.title()[1:])...)
		for _, i := range b.Interfaces {
			c := &card{Interface: i, frame: f, text: cardText(i)}
			c.h = headStep + len(c.text)*textStep
			if len(c.text) > 0 {
				c.h += cardPad / 2
			}
			c.w = 2*cardPad + max(width(i.heading(), headSize), widest(c.text))
			f.cards = append(f.cards, c)
			d.cards[End{b.Name, i.Name}] = c
		}
	}
	for _, b := range p.Remotes {
		f := d.frame(b, End{Name: b.Name})
		f.remote, f.head = true, []string{b.Name}
	}
	for _, l := range p.Lines {
		w := &wire{Line: l, a: d.anchor(l.From), b: d.anchor(l.To)}
		for _, end := range []anchor{w.a, w.b} {
			end.frame.wires = append(end.frame.wires, w)
			if end.card != nil {
				end.card.wires = append(end.card.wires, w)
			}
		}
		d.wires = append(d.wires, w)
	}
	if len(d.frames) == 0 {
		return d
	}
	d.layer()
	d.grid()
	for _, f := range d.frames {
		f.split()
	}
	d.route()
	d.stackAll()
	d.spread()
	return d
}

func (d *drawing) frame(b *Box, end End) *frame {
	f := &frame{Box: b}
	d.frames, d.byEnd[end] = append(d.frames, f), f
	return f
}

func (d *drawing) anchor(e End) anchor {
	if c := d.cards[e]; c != nil {
		return anchor{c.frame, c}
	}
	return anchor{frame: d.byEnd[e]}
}

// other is the end of the wire that is not the given one.
func (w *wire) other(end *frame) anchor {
	if w.a.frame == end {
		return w.b
	}
	return w.a
}

// inside tells whether both ends of the wire are in one frame.
func (w *wire) inside() bool { return w.a.frame == w.b.frame }

func cardText(i *Interface) (lines []text) {
	if len(i.Details) > 0 {
		for _, l := range clip([]string{strings.Join(i.Details, ", ")}) {
			lines = append(lines, text{l, Foreign})
		}
	}
	for _, n := range firstNotes(i.Notes) {
		lines = append(lines, text{clip([]string{n.line(i.State)})[0], n.State})
	}
	return lines
}

// clip shortens lines that are longer than a card should be wide.
func clip(lines []string) []string {
	short := slices.Clone(lines)
	for i, l := range lines {
		if runes := []rune(l); len(runes) > longest {
			short[i] = string(runes[:longest-1]) + "…"
		}
	}
	return short
}

func widest(lines []text) (most int) {
	for _, l := range lines {
		most = max(most, width(l.words, textSize))
	}
	return most
}

func width(words string, size int) int { return (utf8.RuneCountInString(words)*size*61 + 99) / 100 }
