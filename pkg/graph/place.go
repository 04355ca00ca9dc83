package graph

import "slices"

// placeRows sets all vertical coordinates: first those of the layer next to the root, then those of the root, each card at the
// height of what it is joined to, and then those of the other layers.
func (d *drawing) placeRows() {
	for _, f := range d.frames {
		if f == d.root {
			continue
		}
		first := 0
		if !f.leadsLeft {
			first = max(0, len(f.columns)-1)
		}
		f.stackCards(first, func(*card) (int, bool) { return 0, true })
	}
	at := d.root.layer
	d.root.y = margin
	if at+1 < len(d.layers) {
		d.placeLayer(at+1, d.heightInRoot, nil)
	}
	d.root.stackCards(max(0, len(d.root.columns)-1), d.preferredY)
	for i := at + 2; i < len(d.layers); i++ {
		d.placeLayer(i, nil, alignedY)
	}
	for i := at - 1; i >= 0; i-- {
		d.placeLayer(i, nil, alignedY)
	}
}

// placeLayer places the rows of a layer one below the other. The height of a row is that of its highest frame, or the sum of
// neededHeight of its frames if that is more. A row is not above the preferred height of its first frame.
func (d *drawing) placeLayer(layer int, neededHeight func(*frame) int, preferred func(*frame) (int, bool)) {
	frames := d.layers[layer]
	y := margin
	if layer == d.root.layer+1 {
		// The cards of the root begin below its text.
		y += (len(d.root.head) - 1) * textStep
	}
	for start := 0; start < len(frames); {
		end := start
		for end < len(frames) && frames[end].row == frames[start].row {
			end++
		}
		row := frames[start:end]
		lines := d.rowOf(row[0])
		if preferred != nil {
			if at, some := preferred(row[0]); some {
				y = max(y, at-lines.height())
			}
		}
		lines.y = y
		y += lines.height()
		height, needed := 0, 0
		for _, f := range row {
			f.y = y
			height = max(height, f.h)
			if neededHeight != nil {
				needed += neededHeight(f)
			}
		}
		y += max(height, needed-lines.height()) + rowGap
		start = end
	}
}

// heightInRoot returns the height of those cards of the root for which this frame is their firstFrame.
func (d *drawing) heightInRoot(f *frame) (h int) {
	for _, c := range d.root.cards {
		if first := firstFrame(c); first == f {
			h += c.h + cardGap
		}
	}
	return h
}

// firstFrame returns the first frame, in the order of a layer, among those at the right of a card that its lines lead to.
func firstFrame(c *card) (first *frame) {
	for _, w := range c.wires {
		if w.inside() || w.a.card != c {
			continue
		}
		if f := w.b.frame; f.layer > c.frame.layer && (first == nil || f.row < first.row || f.row == first.row && f.gridColumn > first.gridColumn) {
			first = f
		}
	}
	return first
}

// preferredY returns the preferred height of a card in the root: that of what its lines lead to. In a grid it is beside the row,
// below the cards whose lines lead to columns further right, because those lines turn off above.
func (d *drawing) preferredY(c *card) (y int, some bool) {
	sum, n := 0, 0
	for _, w := range c.wires {
		if w.inside() || w.a.card != c || w.b.frame.layer <= c.frame.layer {
			continue
		}
		at := w.b.y()
		if f := w.b.frame; d.columnsInLayer(f) > 1 {
			at = d.rowOf(f).y + anchorHeight + (d.columnsInLayer(f)-1-f.gridColumn)*(headStep+cardGap)
		}
		sum, n = sum+at, n+1
	}
	if n == 0 {
		return 0, false
	}
	return sum/n - anchorHeight - d.root.y, true
}

// columnsInLayer returns the number of columns in the grid of a frame's layer.
func (d *drawing) columnsInLayer(f *frame) int {
	return 1 + slices.MaxFunc(d.layers[f.layer], func(a, b *frame) int { return a.gridColumn - b.gridColumn }).gridColumn
}

// alignedY returns the height of a frame at which its first line to an already placed frame is straight.
func alignedY(f *frame) (y int, some bool) {
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
