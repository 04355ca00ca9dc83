package graph

import (
	"cmp"
	"math"
	"slices"

	"linkd/pkg/spec"
)

// layer puts the frames into layers by how many lines away they are from the root, which is linkd's own namespace, or else
// that with the most lines. The hosts beyond the root's tunnels are on its other side.
func (d *drawing) layer() {
	near := map[*frame][]*frame{}
	for _, w := range d.wires {
		if !w.inside() {
			near[w.a.frame] = append(near[w.a.frame], w.b.frame)
			near[w.b.frame] = append(near[w.b.frame], w.a.frame)
		}
	}
	left := slices.Clone(d.frames)
	slices.SortStableFunc(left, func(a, b *frame) int {
		if host := (a.Name == spec.Host) != (b.Name == spec.Host); host {
			return compareNamespaces(a.Name, b.Name)
		}
		return cmp.Compare(len(near[b]), len(near[a]))
	})
	d.root = left[0]
	layers := map[int][]*frame{}
	placed := map[*frame]bool{}
	for _, first := range left {
		if placed[first] {
			continue
		}
		depth := 1
		if first == d.root {
			depth = 0
		}
		placed[first] = true
		for wave := []*frame{first}; len(wave) > 0; depth++ {
			var next []*frame
			for _, f := range wave {
				f.layer = depth
				if f.remote && depth == 1 && onlyNear(near[f], d.root) {
					f.layer = -1
				}
				layers[f.layer] = append(layers[f.layer], f)
				for _, n := range near[f] {
					if !placed[n] {
						placed[n] = true
						next = append(next, n)
					}
				}
			}
			wave = together(next, wave)
		}
	}
	for depth := -1; depth < len(layers); depth++ {
		if len(layers[depth]) > 0 {
			d.layers = append(d.layers, layers[depth])
		}
	}
	for i, layer := range d.layers {
		for _, f := range layer {
			f.layer = i
		}
	}
	d.lead()
}

func onlyNear(frames []*frame, root *frame) bool {
	return !slices.ContainsFunc(frames, func(f *frame) bool { return f != root })
}

// together orders frames of one layer: those beside each other that are joined to one frame of the layer before, which is
// wave, and there to ports of one bridge.
func together(frames, wave []*frame) []*frame {
	first, hub := map[*frame]int{}, map[*frame]string{}
	for _, f := range frames {
		first[f] = len(wave)
		for _, w := range f.wires {
			far := w.other(f)
			if i := slices.Index(wave, far.frame); i >= 0 && i < first[f] {
				first[f], hub[f] = i, far.card.master()
			}
		}
	}
	slices.SortFunc(frames, func(a, b *frame) int {
		return cmp.Or(cmp.Compare(first[a], first[b]), natural(hub[a], hub[b]), natural(a.Name, b.Name))
	})
	return frames
}

// master is the name of the interface that the card's is a port of; "" for none.
func (c *card) master() string {
	if c == nil {
		return ""
	}
	for _, w := range c.wires {
		if w.Join == Port && w.From == (anchor{c.frame, c}).end() {
			return w.To.Name
		}
	}
	return ""
}

// lead notes to which side the lines leave their cards.
func (d *drawing) lead() {
	for _, w := range d.wires {
		if w.inside() {
			continue
		}
		if w.a.frame.layer > w.b.frame.layer {
			w.a, w.b = w.b, w.a
		}
		right := w.a.frame.layer < w.b.frame.layer
		for _, end := range []anchor{w.a, w.b} {
			toRight := right && end == w.a
			end.frame.leadsLeft = end.frame.leadsLeft || !toRight
			end.frame.leadsRight = end.frame.leadsRight || toRight
			if c := end.card; c != nil {
				c.leadsLeft, c.leadsRight = c.leadsLeft || !toRight, c.leadsRight || toRight
			}
		}
	}
}

// fewFrames stand in one column.
const fewFrames = 6

// grid wraps each layer into rows and columns.
func (d *drawing) grid() {
	for _, layer := range d.layers {
		rows := len(layer)
		if rows > fewFrames {
			// Frames are about twice as wide as they are high.
			rows = int(math.Ceil(math.Sqrt(2 * float64(len(layer)))))
		}
		across := (len(layer) + rows - 1) / rows
		for i, f := range layer {
			f.row, f.in = i/across, i%across
			f.column = len(d.columns) + f.in
		}
		for range across {
			d.columns = append(d.columns, &column{channel: &channel{}})
		}
	}
	for _, f := range d.frames {
		d.columns[f.column].frames = append(d.columns[f.column].frames, f)
	}
}

// last tells whether there is no further column in the frame's layer.
func (d *drawing) last(f *frame) bool {
	return !slices.ContainsFunc(d.layers[f.layer], func(o *frame) bool { return o.in > f.in })
}
