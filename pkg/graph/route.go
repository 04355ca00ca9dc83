package graph

import (
	"cmp"
	"slices"
)

// column is a column of frames, with the channel that is left of it.
type column struct {
	channel *channel
	frames  []*frame
	x, w    int
}

// rowKey names a row of the grid of a layer.
type rowKey struct{ layer, row int }

// row is the lines that run across, above the frames of a row.
type row struct {
	y     int // of the first of them
	lanes []*lane
}

// lane is where a line runs across. Lines of one card share it.
type lane struct {
	of *card
	// to is the furthest column to which it leads.
	to    int
	index int
}

// route decides between which columns and above which rows each line runs. How high that is turns out later.
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

// routeInside leads a line from card to card in the channel left of the one that is further to the right.
func (w *wire) routeInside() {
	if w.a.card.inner > w.b.card.inner {
		w.a, w.b = w.b, w.a
	}
	hub := w.a.card
	if inner(w.b.card) > inner(hub) {
		hub = w.b.card
	}
	w.path = []*stretch{w.b.frame.channels[w.b.card.inner].add(hub, w.a.y, w.b.y)}
}

// inner is how many lines within its frame a card has.
func inner(c *card) (n int) {
	for _, w := range c.wires {
		if w.inside() {
			n++
		}
	}
	return n
}

// routeOutside leads a line from frame to frame. Where there are frames in between, it runs above a row of them.
func (d *drawing) routeOutside(w *wire) {
	hub := w.a.card
	if hub == nil || w.b.card != nil && outer(w.b.card) > outer(hub) {
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
		i := slices.IndexFunc(r.lanes, func(l *lane) bool { return l.of == hub })
		if i < 0 {
			i = len(r.lanes)
			r.lanes = append(r.lanes, &lane{of: hub})
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
	if !d.last(a) {
		turn(a.column+1, across(a, next))
	}
	if b.in > 0 {
		turn(next, across(b, b.column))
	}
	turn(b.column, w.b.y)
}

// outer is how many lines of a card leave its frame.
func outer(c *card) int { return len(c.wires) - inner(c) }

func (d *drawing) rowOf(f *frame) *row {
	key := rowKey{f.layer, f.row}
	if d.rows[key] == nil {
		d.rows[key] = &row{}
	}
	return d.rows[key]
}

// height is the room that the lines above a row take.
func (r *row) height() int { return len(r.lanes) * laneStep }

// spread gives everything its place from left to right, now that it is known how many lines run side by side.
func (d *drawing) spread() {
	for _, f := range d.frames {
		f.spread()
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
		d.draw(w)
	}
	for _, f := range d.frames {
		d.height = max(d.height, f.y+f.h+margin)
	}
}

// spread gives the cards of a frame their places in it. What leads out stands over the edge.
func (f *frame) spread() {
	x := 0
	for i, cards := range f.inner {
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
			x = -overlap
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
		f.w = x - overlap
	} else {
		f.w = x + framePad
	}
	if room := f.headWidth(); len(f.cards) == 0 {
		f.w = room
	} else if room > f.w {
		// What leads out to the right goes on standing over the edge.
		for _, c := range f.cards {
			if c.inner == len(f.inner)-1 && f.leadsRight {
				c.x += room - f.w
			}
		}
		f.w = room
	}
}

// inset is how far a card is from the edges of its column: only what leads out stands over the edge of its frame.
func (f *frame) inset(c *card) (before, after int) {
	if c.inner == 0 && f.leadsLeft && f.channels[0].lanes == 0 && !c.leadsLeft {
		before = overlap + cardPad
	}
	if c.inner == len(f.inner)-1 && f.leadsRight && !c.leadsRight {
		after = overlap + cardPad
	}
	return before, after
}

// draw finds the corners of a line.
func (d *drawing) draw(w *wire) {
	offset, x, y := 0, w.a.right(), w.a.y()
	if w.inside() {
		offset = w.a.frame.x
	}
	if w.inside() && w.a.card.inner == w.b.card.inner || !w.inside() && w.a.frame.layer == w.b.frame.layer {
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
