package graph

import "slices"

// stackAll gives everything its place from top to bottom: the layer beside the root first, then the root, each of whose
// cards is as high as what it is joined to, and then what is further away.
func (d *drawing) stackAll() {
	for _, f := range d.frames {
		if f == d.root {
			continue
		}
		first := 0
		if !f.leadsLeft {
			first = max(0, len(f.inner)-1)
		}
		f.stack(first, func(*card) (int, bool) { return 0, true })
	}
	at := d.root.layer
	d.root.y = margin
	if at+1 < len(d.layers) {
		d.rowsOf(at+1, d.joinedHeight, nil)
	}
	d.root.stack(max(0, len(d.root.inner)-1), d.wishOfRoot)
	for i := at + 2; i < len(d.layers); i++ {
		d.rowsOf(i, nil, besideFrame)
	}
	for i := at - 1; i >= 0; i-- {
		d.rowsOf(i, nil, besideFrame)
	}
}

// rowsOf puts the rows of a layer one below the other, each as high as the highest of its frames, or as need says, and
// none higher up than where wish would have the first of them.
func (d *drawing) rowsOf(layer int, need func(*frame) int, wish func(*frame) (int, bool)) {
	frames := d.layers[layer]
	y := margin
	for start := 0; start < len(frames); {
		end := start
		for end < len(frames) && frames[end].row == frames[start].row {
			end++
		}
		this := frames[start:end]
		lines := d.rowOf(this[0])
		if wish != nil {
			if at, some := wish(this[0]); some {
				y = max(y, at-lines.height())
			}
		}
		lines.y = y
		y += lines.height()
		high, needed := 0, 0
		for _, f := range this {
			f.y = y
			high = max(high, f.h)
			if need != nil {
				needed += need(f)
			}
		}
		y += max(high, needed-lines.height()) + rowGap
		start = end
	}
}

// joinedHeight is the room that the cards of the root take that are joined to a frame first of all.
func (d *drawing) joinedHeight(f *frame) (h int) {
	for _, c := range d.root.cards {
		if first := firstFrame(c); first == f {
			h += c.h + cardGap
		}
	}
	return h
}

// firstFrame is the first of the frames, in the order of a layer, that a card leads to on the right.
func firstFrame(c *card) (first *frame) {
	for _, w := range c.wires {
		if w.inside() || w.a.card != c {
			continue
		}
		if f := w.b.frame; f.layer > c.frame.layer && (first == nil || f.row < first.row || f.row == first.row && f.in > first.in) {
			first = f
		}
	}
	return first
}

// wishOfRoot is where in the root a card should be: at the height of what it leads to, or, in a grid, beside its row,
// below the cards that lead further: their lines turn off above it.
func (d *drawing) wishOfRoot(c *card) (y int, some bool) {
	sum, n := 0, 0
	for _, w := range c.wires {
		if w.inside() || w.a.card != c || w.b.frame.layer <= c.frame.layer {
			continue
		}
		at := w.b.y()
		if f := w.b.frame; d.across(f) > 1 {
			at = d.rowOf(f).y + anchorHeight + (d.across(f)-1-f.in)*(headStep+cardGap)
		}
		sum, n = sum+at, n+1
	}
	if n == 0 {
		return 0, false
	}
	return sum/n - anchorHeight - d.root.y, true
}

// across is how many columns the grid of a frame's layer has.
func (d *drawing) across(f *frame) int {
	return 1 + slices.MaxFunc(d.layers[f.layer], func(a, b *frame) int { return a.in - b.in }).in
}

// besideFrame is where a frame should be so that the first of its lines to something that has its place is straight.
func besideFrame(f *frame) (y int, some bool) {
	for _, w := range f.wires {
		own, far := w.a, w.b
		if w.b.frame == f {
			own, far = w.b, w.a
		}
		if !w.inside() && far.frame.y > 0 {
			return far.y() - (own.y() - f.y), true
		}
	}
	return 0, false
}
