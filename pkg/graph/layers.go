package graph

import (
	"cmp"
	"math"
	"slices"

	"linkd/pkg/spec"
)

// assignLayers puts the frames into layers, from left to right, by the number of lines between them and the root. The root is
// the host, or the namespace with most lines if the host is not in the picture. Remote ends of the root's tunnels are at its
// left.
func (d *drawing) assignLayers() {
	neighbours := map[*frame][]*frame{}
	for _, w := range d.wires {
		if !w.inside() {
			neighbours[w.a.frame] = append(neighbours[w.a.frame], w.b.frame)
			neighbours[w.b.frame] = append(neighbours[w.b.frame], w.a.frame)
		}
	}
	remaining := slices.Clone(d.frames)
	slices.SortStableFunc(remaining, func(a, b *frame) int {
		if host := (a.Name == spec.Host) != (b.Name == spec.Host); host {
			return compareNamespaces(a.Name, b.Name)
		}
		return cmp.Compare(len(neighbours[b]), len(neighbours[a]))
	})
	d.root = remaining[0]
	layers := map[int][]*frame{}
	placed := map[*frame]bool{}
	for _, first := range remaining {
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
				if f.remote && depth == 1 && onlyNeighbour(neighbours[f], d.root) {
					f.layer = -1
				}
				layers[f.layer] = append(layers[f.layer], f)
				for _, n := range neighbours[f] {
					if !placed[n] {
						placed[n] = true
						next = append(next, n)
					}
				}
			}
			wave = sortLayer(next, wave)
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
	d.setDirections()
}

func onlyNeighbour(frames []*frame, root *frame) bool {
	return !slices.ContainsFunc(frames, func(f *frame) bool { return f != root })
}

// sortLayer sorts the frames of a layer so that those joined to the same frame of the previous layer, wave, and there to ports
// of the same bridge, are side by side.
func sortLayer(frames, wave []*frame) []*frame {
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
		return cmp.Or(cmp.Compare(first[a], first[b]), natural(hub[a], hub[b]), cmp.Compare(a.order, b.order))
	})
	return frames
}

// master returns the name of the card's master; "" if it has none.
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

// setDirections sets at which side the lines leave their cards and frames, and makes each wire lead from left to right.
func (d *drawing) setDirections() {
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

// maxColumnFrames is the number of frames in a layer up to which they are in one column.
const maxColumnFrames = 6

// wrapLayers arranges the frames of each layer in rows and columns.
func (d *drawing) wrapLayers() {
	allowed := d.across
	d.across = 0
	for _, layer := range d.layers {
		rows := len(layer)
		if rows > maxColumnFrames {
			// Frames are about twice as wide as they are high.
			rows = int(math.Ceil(math.Sqrt(2 * float64(len(layer)))))
		}
		across := min(allowed, (len(layer)+rows-1)/rows)
		d.across = max(d.across, across)
		for i, f := range layer {
			f.row, f.gridColumn = i/across, i%across
			f.column = len(d.columns) + f.gridColumn
		}
		for range across {
			d.columns = append(d.columns, &column{channel: &channel{}})
		}
	}
	for _, f := range d.frames {
		d.columns[f.column].frames = append(d.columns[f.column].frames, f)
	}
}

// inLastColumn reports whether the frame's layer has no further column.
func (d *drawing) inLastColumn(f *frame) bool {
	return !slices.ContainsFunc(d.layers[f.layer], func(o *frame) bool { return o.gridColumn > f.gridColumn })
}
