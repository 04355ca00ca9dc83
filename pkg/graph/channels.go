package graph

import (
	"cmp"
	"slices"
)

// channel is the space left of a column, in which lines run up and down. It is divided into lanes, one for each line.
type channel struct {
	x, lanes int
	segments []*segment
}

// segment is a vertical part of a line in a channel. The heights are functions because they are known only after all cards
// have their places. Segments of the same card share a lane, as in the drawing of a bus.
type segment struct {
	channel  *channel
	card     *card
	from, to func() int
	lane     int
}

func (c *channel) add(of *card, from, to func() int) *segment {
	s := &segment{channel: c, card: of, from: from, to: to}
	c.segments = append(c.segments, s)
	return s
}

func (s *segment) x() int { return s.channel.x + s.lane*laneStep }

// bundle has the segments that share a lane, and the highest and the lowest point of them.
type bundle struct {
	segments    []*segment
	from        int // the height at which the first one begins
	top, bottom int
	lane        int
}

// assign gives each segment a lane, so that no two overlap. Of lines that lead up, the upper one turns off first; of lines that
// lead down, the upper one turns off last. So they do not cross.
func (c *channel) assign() {
	byCard := map[*card]*bundle{}
	var bundles []*bundle
	for _, s := range c.segments {
		from, to := s.from(), s.to()
		b := byCard[s.card]
		if b == nil || s.card == nil {
			b = &bundle{from: from, top: min(from, to), bottom: max(from, to)}
			bundles = append(bundles, b)
			if s.card != nil {
				byCard[s.card] = b
			}
		}
		b.segments = append(b.segments, s)
		b.top, b.bottom = min(b.top, from, to), max(b.bottom, from, to)
	}
	bundles = slices.DeleteFunc(bundles, func(b *bundle) bool { return b.top == b.bottom })
	up := func(b *bundle) bool { return b.from-b.top > b.bottom-b.from }
	slices.SortStableFunc(bundles, func(a, b *bundle) int {
		switch {
		case up(a) && up(b):
			return cmp.Compare(a.from, b.from)
		case up(a) != up(b):
			return cmp.Compare(a.top, b.top)
		}
		return cmp.Compare(b.from, a.from)
	})
	for i, b := range bundles {
		for slices.ContainsFunc(bundles[:i], b.overlaps) {
			b.lane++
		}
		c.lanes = max(c.lanes, b.lane+1)
		for _, s := range b.segments {
			s.lane = b.lane
		}
	}
}

// overlaps reports whether the bundle, in its present lane, lies over another one or crosses the line that leads to it.
func (b *bundle) overlaps(o *bundle) bool {
	over := b.lane == o.lane && b.top <= o.bottom+2 && o.top <= b.bottom+2
	across := b.lane < o.lane && b.top <= o.from && o.from <= b.bottom
	return over || across
}

// width returns the width of the channel, with pad at both sides; at least least.
func (c *channel) width(pad, least int) int { return max(least, 2*pad+max(0, c.lanes-1)*laneStep) }
