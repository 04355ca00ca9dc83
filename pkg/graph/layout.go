package graph

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The dimensions of a drawing, in pixels. Text has a font of fixed width, so that linkd knows its length: in all common ones,
// the width of a character is 0.6 times the font size.
const (
	headSize, textSize = 12, 11
	headStep, textStep = 22, 15
	cardPad            = 8
	cardGap            = 8
	framePad           = 14
	margin             = 20
	edgeOverlap        = 9  // how far an interface with lines to other namespaces extends over the edge of its namespace
	laneStep           = 7  // between parallel lines
	channelPad         = 18 // between a frame or card and the first line beside it
	rowGap             = 18
	maxTextLength      = 46 // characters in a line of text
)

// drawing is a picture with positions.
type drawing struct {
	picture *Picture
	frames  []*frame
	byEnd   map[End]*frame // by the End that stands for the whole frame: a namespace or a remote end
	cards   map[End]*card
	wires   []*wire

	layers  [][]*frame // from left to right; the first one has the remote ends of the root's tunnels
	root    *frame
	columns []*column
	rows    map[rowKey]*row

	// across is the number of frames side by side in a layer: first the most that is allowed, then the most that there is.
	across        int
	width, height int
}

// frame is the rectangle of a namespace or of a remote end. Its order is that in the picture. It has a row and a column in the grid of its layer, and a column in
// the drawing.
type frame struct {
	*Node
	remote                         bool
	order                          int
	head                           []string
	cards                          []*card
	wires                          []*wire
	columns                        [][]*card  // by columns
	channels                       []*channel // left of each inner column
	layer, row, gridColumn, column int
	x, y, w, h                     int
	leadsLeft, leadsRight          bool
}

// card is the rectangle of an interface. Its coordinates are relative to its frame.
type card struct {
	*Interface
	frame                 *frame
	text                  []text
	column                int
	x, y, w, h            int
	leadsLeft, leadsRight bool
	wires                 []*wire
}

// text is a line of text on a card or under the name of a frame.
type text struct {
	words string
	state State
}

// wire is a line in the drawing. It leads from a to b through path.
type wire struct {
	*Line
	a, b   anchor
	path   []*segment
	points []point
}

// anchor is an end of a wire: a card, or a whole frame if card is nil.
type anchor struct {
	frame *frame
	card  *card
}

type point struct{ x, y int }

// anchorHeight is the distance between a card's upper edge and its wires.
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

// pageWidth is the width in pixels that a picture has at most, if its namespaces allow: that of a page of a forge or a browser.
const pageWidth = 960

// layOut computes the positions of everything in the picture. It puts as many namespaces side by side as fit on a page.
func layOut(p *Picture) *drawing {
	for across := len(p.Namespaces) + len(p.Remotes); ; {
		d := layOutGrid(p, max(1, across))
		if d.width <= pageWidth || d.across <= 1 {
			return d
		}
		across = min(d.across-1, d.across*pageWidth/d.width)
	}
}

// layOutGrid computes the positions with at most across frames side by side in a layer.
func layOutGrid(p *Picture, across int) *drawing {
	d := &drawing{across: across, picture: p, byEnd: map[End]*frame{}, cards: map[End]*card{}, rows: map[rowKey]*row{}}
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
	d.assignLayers()
	d.wrapLayers()
	for _, f := range d.frames {
		f.splitColumns()
	}
	d.route()
	d.placeRows()
	d.placeColumns()
	return d
}

func (d *drawing) frame(b *Node, end End) *frame {
	f := &frame{Node: b, order: len(d.frames)}
	d.frames, d.byEnd[end] = append(d.frames, f), f
	return f
}

func (d *drawing) anchor(e End) anchor {
	if c := d.cards[e]; c != nil {
		return anchor{c.frame, c}
	}
	return anchor{frame: d.byEnd[e]}
}

// other returns the other end of the wire.
func (w *wire) other(end *frame) anchor {
	if w.a.frame == end {
		return w.b
	}
	return w.a
}

// inside reports whether both ends of the wire are in the same frame.
func (w *wire) inside() bool { return w.a.frame == w.b.frame }

func cardText(i *Interface) (lines []text) {
	if len(i.Details) > 0 {
		for _, l := range clip([]string{strings.Join(i.Details, ", ")}) {
			lines = append(lines, text{l, Foreign})
		}
	}
	for _, n := range limitNotes(i.Notes) {
		lines = append(lines, text{clip([]string{n.line(i.State)})[0], n.State})
	}
	return lines
}

// clip shortens lines to maxTextLength characters.
func clip(lines []string) []string {
	short := slices.Clone(lines)
	for i, l := range lines {
		if runes := []rune(l); len(runes) > maxTextLength {
			short[i] = string(runes[:maxTextLength-1]) + "…"
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
