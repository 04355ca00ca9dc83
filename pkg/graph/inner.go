package graph

import (
	"cmp"
	"slices"
)

// split puts the cards of a frame into columns: those that lead out of it on the sides to which they lead, and what these
// are joined to by lines within the frame the further in, the more lines away it is.
func (f *frame) split() {
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
			c.inner = (l*span + (l+r)/2) / (l + r)
		case hasLeft:
			c.inner = l
		case hasRight:
			c.inner = span - r
		}
	}
	f.inner = make([][]*card, span+1)
	f.channels = make([]*channel, span+1)
	for i := range f.channels {
		f.channels[i] = &channel{}
	}
	for _, c := range f.cards {
		f.inner[c.inner] = append(f.inner[c.inner], c)
	}
}

// distances are how many lines within the frame lead from each card to one of the first ones.
func (f *frame) distances(first func(*card) bool) map[*card]int {
	away := map[*card]int{}
	var wave []*card
	for _, c := range f.cards {
		if first(c) {
			away[c] = 0
			wave = append(wave, c)
		}
	}
	for len(wave) > 0 {
		c := wave[0]
		wave = wave[1:]
		for _, w := range c.wires {
			if !w.inside() {
				continue
			}
			for _, n := range []*card{w.a.card, w.b.card} {
				if _, seen := away[n]; !seen {
					away[n] = away[c] + 1
					wave = append(wave, n)
				}
			}
		}
	}
	return away
}

// stack gives the cards of a frame their heights: first those in the column at the given place, each as near as can be to
// where wish would have it, and then, column by column, the others beside what they are joined to.
func (f *frame) stack(first int, wish func(*card) (y int, some bool)) {
	top := f.headHeight()
	placed := map[*card]bool{}
	beside := func(c *card) (int, bool) {
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
	for i := first + 1; i < len(f.inner); i++ {
		order = append(order, i)
	}
	for n, i := range order {
		if n > 0 {
			wish = beside
		}
		pile(f.inner[i], top, wish)
		for _, c := range f.inner[i] {
			placed[c] = true
		}
	}
	f.h = top
	for _, c := range f.cards {
		f.h = max(f.h, c.y+c.h+framePad)
	}
}

// pile puts cards one below the other, from top on. Those without a wish come last.
func pile(cards []*card, top int, wish func(*card) (y int, some bool)) {
	wishes, some := map[*card]int{}, map[*card]bool{}
	for _, c := range cards {
		wishes[c], some[c] = wish(c)
	}
	slices.SortStableFunc(cards, func(a, b *card) int {
		if some[a] != some[b] {
			if some[a] {
				return -1
			}
			return 1
		}
		return cmp.Compare(wishes[a], wishes[b])
	})
	y := top
	for _, c := range cards {
		c.y = max(y, wishes[c])
		y = c.y + c.h + cardGap
	}
}

func (f *frame) headHeight() int {
	if f.remote {
		return headStep + 2*cardPad
	}
	return framePad + headStep + (len(f.head)-1)*textStep
}

// headWidth is how wide a frame has to be for what stands above its cards.
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
