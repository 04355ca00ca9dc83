package graph

import (
	"cmp"
	"slices"
)

// column is a column of frames, with the channel at its left.
type column struct {
	channel *channel
	frames  []*frame
	x, w    int
}

// rowKey names a row of the grid of a layer.
type rowKey struct{ layer, row int }

// row has the lines that run horizontally above the frames of a row.
type row struct {
	y     int // of the first line
	lanes []*lane
}

// lane is the place of a horizontal line. Lines of the same card share it.
type lane struct {
	card *card
	// to is the rightmost column to which it leads.
	to    int
	index int
}

// route decides in which channels and above which rows each line runs. The coordinates follow later.
func (d *drawing) route() {
	for _, w := range d.wires {
		if w.inside() {
			w.routeInside()
		} else {
			d.routeOutside(w)
		}
	}
	for _, r := range d.rows {
		slices.SortStableFunc(r.lanes, func(a, b *lane) int { return cmp.Compare(b.to, a.to) })
		for i, l := range r.lanes {
			l.index = i
		}
	}
}

// routeInside routes a line between two cards of a frame, through the channel left of the right one.
func (w *wire) routeInside() {
	if w.a.card.column > w.b.card.column {
		w.a, w.b = w.b, w.a
	}
	hub := w.a.card
	if innerLines(w.b.card) > innerLines(hub) {
		hub = w.b.card
	}
	w.path = []*segment{w.b.frame.channels[w.b.card.column].add(hub, w.a.y, w.b.y)}
}

// innerLines returns the number of a card's lines within its frame.
func innerLines(c *card) (n int) {
	for _, w := range c.wires {
		if w.inside() {
			n++
		}
	}
	return n
}

// routeOutside routes a line between two frames. If there are frames between them, the line runs above a row of these.
func (d *drawing) routeOutside(w *wire) {
	hub := w.a.card
	if hub == nil || w.b.card != nil && outerLines(w.b.card) > outerLines(hub) {
		hub = w.b.card
	}
	a, b := w.a.frame, w.b.frame
	at := w.a.y
	turn := func(column int, to func() int) {
		w.path = append(w.path, d.columns[column].channel.add(hub, at, to))
		at = to
	}
	across := func(f *frame, column int) func() int {
		r := d.rowOf(f)
		i := slices.IndexFunc(r.lanes, func(l *lane) bool { return l.card == hub })
		if i < 0 {
			i = len(r.lanes)
			r.lanes = append(r.lanes, &lane{card: hub})
		}
		l := r.lanes[i]
		l.to = max(l.to, column)
		return func() int { return r.y + l.index*laneStep }
	}
	if a.layer == b.layer {
		if a.column != b.column {
			turn(a.column, across(b, max(a.column, b.column)))
		}
		turn(b.column, w.b.y)
		return
	}
	next := d.layers[b.layer][0].column
	if !d.inLastColumn(a) {
		turn(a.column+1, across(a, next))
	}
	if b.gridColumn > 0 {
		turn(next, across(b, b.column))
	}
	turn(b.column, w.b.y)
}

// outerLines returns the number of a card's lines to other frames.
func outerLines(c *card) int { return len(c.wires) - innerLines(c) }

func (d *drawing) rowOf(f *frame) *row {
	key := rowKey{f.layer, f.row}
	if d.rows[key] == nil {
		d.rows[key] = &row{}
	}
	return d.rows[key]
}

// height returns the height of the lines above a row.
func (r *row) height() int { return len(r.lanes) * laneStep }

// placeColumns sets all horizontal coordinates, and the corners of the lines. It needs the lines' routes, because the width of
// a channel depends on the number of lines in it.
func (d *drawing) placeColumns() {
	for _, f := range d.frames {
		f.placeCards()
	}
	x := margin
	for i, c := range d.columns {
		c.channel.assign()
		for _, f := range c.frames {
			c.w = max(c.w, f.w)
		}
		if i > 0 || c.channel.lanes > 0 {
			c.channel.x = x + channelPad
			x += c.channel.width(channelPad, 3*channelPad)
		}
		c.x = x
		for _, f := range c.frames {
			f.x = x
			if f.remote && f.leadsRight {
				f.x = x + c.w - f.w
			}
		}
		x += c.w
	}
	d.width = x + margin
	for _, w := range d.wires {
		d.setPoints(w)
	}
	for _, f := range d.frames {
		d.height = max(d.height, f.y+f.h+margin)
	}
}

// placeCards sets the horizontal coordinates of the cards in a frame. Cards with lines to other frames extend over the edge.
func (f *frame) placeCards() {
	x := 0
	for i, cards := range f.columns {
		ch := f.channels[i]
		ch.assign()
		switch {
		case i > 0:
			ch.x = x + channelPad
			x += ch.width(channelPad, 2*channelPad)
		case ch.lanes > 0:
			ch.x = cardPad
			x = cardPad + ch.width(cardPad, 0)
		case f.leadsLeft:
			x = -edgeOverlap
		default:
			x = framePad
		}
		w := 0
		for _, c := range cards {
			before, after := f.inset(c)
			w = max(w, before+c.w+after)
		}
		for _, c := range cards {
			before, after := f.inset(c)
			c.x, c.w = x+before, w-before-after
		}
		x += w
	}
	if f.leadsRight && !f.remote {
		f.w = x - edgeOverlap
	} else {
		f.w = x + framePad
	}
	if room := f.headWidth(); len(f.cards) == 0 {
		f.w = room
	} else if room > f.w {
		// Keep the cards at the right edge there.
		for _, c := range f.cards {
			if c.column == len(f.columns)-1 && f.leadsRight {
				c.x += room - f.w
			}
		}
		f.w = room
	}
}

// inset returns the distances between a card and the edges of its column: cards without lines to other frames do not extend over
// the edge of their frame.
func (f *frame) inset(c *card) (before, after int) {
	if c.column == 0 && f.leadsLeft && f.channels[0].lanes == 0 && !c.leadsLeft {
		before = edgeOverlap + cardPad
	}
	if c.column == len(f.columns)-1 && f.leadsRight && !c.leadsRight {
		after = edgeOverlap + cardPad
	}
	return before, after
}

// setPoints sets the corners of a line.
func (d *drawing) setPoints(w *wire) {
	offset, x, y := 0, w.a.right(), w.a.y()
	if w.inside() {
		offset = w.a.frame.x
	}
	if w.inside() && w.a.card.column == w.b.card.column || !w.inside() && w.a.frame.layer == w.b.frame.layer {
		x = w.a.left()
	}
	w.points = []point{{x, y}}
	for _, s := range w.path {
		to := s.to()
		w.points = append(w.points, point{offset + s.x(), y}, point{offset + s.x(), to})
		y = to
	}
	w.points = append(w.points, point{w.b.left(), y})
}
