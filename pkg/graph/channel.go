package graph

import (
	"cmp"
	"slices"
)

// channel is the space between two columns, in which lines run up and down.
type channel struct {
	x, lanes  int
	stretches []*stretch
}

// stretch is a part of a line that runs up or down, from one height to another, in a lane of a channel. Lines of one card
// share it, and look like a bus.
type stretch struct {
	channel  *channel
	of       *card
	from, to func() int
	lane     int
}

func (c *channel) add(of *card, from, to func() int) *stretch {
	s := &stretch{channel: c, of: of, from: from, to: to}
	c.stretches = append(c.stretches, s)
	return s
}

func (s *stretch) x() int { return s.channel.x + s.lane*laneStep }

// bundle is the stretches that share a lane, from the highest to the lowest point of them.
type bundle struct {
	stretches   []*stretch
	from        int // the height at which they begin
	top, bottom int
	lane        int
}

// assign gives each stretch a lane, so that none lies over another's. Lines that begin further up turn off first if they
// lead up, and last if they lead down: so they do not cross.
func (c *channel) assign() {
	byCard := map[*card]*bundle{}
	var bundles []*bundle
	for _, s := range c.stretches {
		from, to := s.from(), s.to()
		b := byCard[s.of]
		if b == nil || s.of == nil {
			b = &bundle{from: from, top: min(from, to), bottom: max(from, to)}
			bundles = append(bundles, b)
			if s.of != nil {
				byCard[s.of] = b
			}
		}
		b.stretches = append(b.stretches, s)
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
		for slices.ContainsFunc(bundles[:i], b.hits) {
			b.lane++
		}
		c.lanes = max(c.lanes, b.lane+1)
		for _, s := range b.stretches {
			s.lane = b.lane
		}
	}
}

// hits tells whether the bundle, where it is, would lie over another one, or across what leads to that.
func (b *bundle) hits(o *bundle) bool {
	over := b.lane == o.lane && b.top <= o.bottom+2 && o.top <= b.bottom+2
	across := b.lane < o.lane && b.top <= o.from && o.from <= b.bottom
	return over || across
}

// width is the room that the channel takes; least is that of one in which nothing runs.
func (c *channel) width(pad, least int) int { return max(least, 2*pad+max(0, c.lanes-1)*laneStep) }
