package graph

import (
	"cmp"
	"slices"
)

// splitColumns puts the cards of a frame into columns. Cards with lines that leave the frame are at the side to which those
// lines lead. The others are the further inside, the more lines are between them and such a card.
func (f *frame) splitColumns() {
	left := f.distances(func(c *card) bool { return c.leadsLeft })
	right := f.distances(func(c *card) bool { return c.leadsRight && !c.leadsLeft })
	if len(left)+len(right) == 0 {
		right = f.distances(func(c *card) bool {
			return slices.ContainsFunc(c.wires, func(w *wire) bool { return w.Join != Cable && w.a.card == c })
		})
	}
	span := 0
	for _, c := range f.cards {
		l, hasLeft := left[c]
		r, hasRight := right[c]
		switch {
		case hasLeft && hasRight:
			span = max(span, l+r)
		case hasLeft:
			span = max(span, l)
		case hasRight:
			span = max(span, r)
		}
	}
	if len(left) > 0 && len(right) > 0 {
		span = max(span, 1)
	}
	for _, c := range f.cards {
		l, hasLeft := left[c]
		r, hasRight := right[c]
		switch {
		case hasLeft && hasRight && l+r > 0:
			c.column = (l*span + (l+r)/2) / (l + r)
		case hasLeft:
			c.column = l
		case hasRight:
			c.column = span - r
		}
	}
	f.columns = make([][]*card, span+1)
	f.channels = make([]*channel, span+1)
	for i := range f.channels {
		f.channels[i] = &channel{}
	}
	for _, c := range f.cards {
		f.columns[c.column] = append(f.columns[c.column], c)
	}
}

// distances returns, for each card, the number of lines within the frame to the nearest card for which isStart is true.
func (f *frame) distances(isStart func(*card) bool) map[*card]int {
	distance := map[*card]int{}
	var queue []*card
	for _, c := range f.cards {
		if isStart(c) {
			distance[c] = 0
			queue = append(queue, c)
		}
	}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		for _, w := range c.wires {
			if !w.inside() {
				continue
			}
			for _, n := range []*card{w.a.card, w.b.card} {
				if _, seen := distance[n]; !seen {
					distance[n] = distance[c] + 1
					queue = append(queue, n)
				}
			}
		}
	}
	return distance
}

// stackCards sets the heights of the cards of a frame: first those of the column with index first, as near as possible to the
// preferred heights, and then, column by column, the others, each at the mean height of the cards that it is joined to.
func (f *frame) stackCards(first int, preferred func(*card) (y int, ok bool)) {
	top := f.headHeight()
	placed := map[*card]bool{}
	nextToPlaced := func(c *card) (int, bool) {
		sum, n := 0, 0
		for _, w := range c.wires {
			for _, o := range []*card{w.a.card, w.b.card} {
				if w.inside() && o != c && placed[o] {
					sum, n = sum+o.y, n+1
				}
			}
		}
		if n == 0 {
			return 0, false
		}
		return sum / n, true
	}
	order := []int{first}
	for i := first - 1; i >= 0; i-- {
		order = append(order, i)
	}
	for i := first + 1; i < len(f.columns); i++ {
		order = append(order, i)
	}
	for n, i := range order {
		if n > 0 {
			preferred = nextToPlaced
		}
		stackColumn(f.columns[i], top, preferred)
		for _, c := range f.columns[i] {
			placed[c] = true
		}
	}
	f.h = top
	for _, c := range f.cards {
		f.h = max(f.h, c.y+c.h+framePad)
	}
}

// stackColumn places cards one below the other, from top on. Those without a preferred height come last.
func stackColumn(cards []*card, top int, preferred func(*card) (y int, hasPreference bool)) {
	preferredY, hasPreference := map[*card]int{}, map[*card]bool{}
	for _, c := range cards {
		preferredY[c], hasPreference[c] = preferred(c)
	}
	slices.SortStableFunc(cards, func(a, b *card) int {
		if hasPreference[a] != hasPreference[b] {
			if hasPreference[a] {
				return -1
			}
			return 1
		}
		return cmp.Compare(preferredY[a], preferredY[b])
	})
	y := top
	for _, c := range cards {
		c.y = max(y, preferredY[c])
		y = c.y + c.h + cardGap
	}
}

// headHeight returns the height of the text above the cards.
func (f *frame) headHeight() int {
	if f.remote {
		return headStep + 2*cardPad
	}
	return framePad + headStep + (len(f.head)-1)*textStep
}

// headWidth returns the width that the text above the cards needs.
func (f *frame) headWidth() (w int) {
	for i, l := range f.head {
		size := textSize
		if i == 0 {
			size = headSize + 1
		}
		w = max(w, width(l, size))
	}
	return w + 2*framePad
}
