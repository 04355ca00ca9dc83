package graph

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"linkd/pkg/plain"
)

// svg returns the picture as an SVG (https://www.w3.org/TR/SVG2/). It needs no script, and no font but one of fixed width. It has a
// background, because the page around it may have another one. The colours of elements are those on a light background. A style
// sheet replaces them where the reader prefers a dark one.
func svg(p *Picture) string {
	d := layOut(p)
	var b strings.Builder
	w := &canvas{out: &b}
	legend := p.legend()
	height := d.height
	if len(legend) > 0 {
		height += legendHeight
	}
	across := max(d.width, legendWidth(legend))
	w.line(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="%d">`,
		across, height, across, height, textSize)
	w.line(`<title>%s</title>`, escape(plain.Count(len(p.Namespaces), "network namespace")+", "+plain.Count(len(p.Lines), "line")))
	w.line(`<style>%s</style>`, darkStyle(p))
	w.line(`<rect class="paper" width="%d" height="%d" rx="8" fill="%s"/>`, across, height, paper)
	for _, f := range d.frames {
		w.frame(f)
	}
	// Draw lines with worse states over those with better ones.
	for _, s := range States {
		for _, wire := range d.wires {
			if wire.State == s.State {
				w.wire(wire)
			}
		}
	}
	for _, f := range d.frames {
		for _, c := range f.cards {
			w.card(c)
		}
	}
	w.legend(legend, d.height)
	w.line(`</svg>`)
	return b.String()
}

// canvas writes the elements of an SVG.
type canvas struct{ out *strings.Builder }

func (w *canvas) line(format string, args ...any) { fmt.Fprintf(w.out, format+"\n", args...) }

// shape returns the attributes of the outline and the area of a shape in the style of a state.
func shape(s State, fill string) string {
	attributes := fmt.Sprintf(`class="%s" fill="%s" stroke="%s"`, s, fill, styles[s].line)
	if fill == namespaceFill {
		attributes = strings.Replace(attributes, `"`, `"namespace `, 1)
	}
	if styles[s].dashed {
		attributes += ` stroke-dasharray="5 3"`
	}
	return attributes
}

func (w *canvas) frame(f *frame) {
	w.line(`<g><title>%s</title>`, escape(f.tooltip(f.Name)))
	if f.remote {
		w.line(`<rect x="%d" y="%d" width="%d" height="%d" rx="%d" %s/>`, f.x, f.y, f.w, f.h, f.h/2, shape(f.State, styles[f.State].fill))
		w.text(f.x+f.w/2, f.y+f.h/2+4, inkClass, `text-anchor="middle"`, f.head[0])
		w.line(`</g>`)
		return
	}
	w.line(`<rect x="%d" y="%d" width="%d" height="%d" rx="10" stroke-width="1.5" %s/>`, f.x, f.y, f.w, f.h, shape(f.State, namespaceFill))
	y := f.y + framePad + headSize - 2
	w.text(f.x+framePad, y, inkClass, fmt.Sprintf(`font-size="%d" font-weight="bold"`, headSize+1), f.head[0])
	for _, l := range f.head[1:] {
		y += textStep
		w.text(f.x+framePad, y, mutedClass, "", l)
	}
	w.line(`</g>`)
}

func (w *canvas) card(c *card) {
	x, y := c.frame.x+c.x, c.frame.y+c.y
	w.line(`<g><title>%s</title>`, escape(c.tooltip(c.frame.Name+"/"+c.Name)))
	w.line(`<rect x="%d" y="%d" width="%d" height="%d" rx="6" %s/>`, x, y, c.w, c.h, shape(c.State, styles[c.State].fill))
	w.text(x+cardPad, y+anchorHeight+4, inkClass, fmt.Sprintf(`font-size="%d" font-weight="bold"`, headSize), c.Name)
	if c.Kind != "" {
		w.text(x+c.w-cardPad, y+anchorHeight+4, mutedClass, `text-anchor="end"`, c.Kind)
	}
	for i, l := range c.text {
		class := string(l.state)
		switch l.state {
		case OK, Wanted:
			class = inkClass
		}
		w.text(x+cardPad, y+headStep+textStep*i+textSize-1, class, "", l.words)
	}
	w.line(`</g>`)
}

// The classes of text whose colour does not depend on a state. The class of other text is the state.
const inkClass, mutedClass = "ink", "muted"

func (w *canvas) text(x, y int, class, more, words string) {
	colour := styles[State(class)].line
	switch class {
	case inkClass:
		colour = ink
	case mutedClass:
		colour = mutedInk
	}

	if more != "" {
		more = " " + more
	}
	w.line(`<text class="%s" x="%d" y="%d" fill="%s"%s>%s</text>`, class, x, y, colour, more, escape(words))
}

// lineWidths and dashes distinguish the kinds of lines.
var (
	lineWidths = map[Join]string{Cable: "2.5", Port: "1.5", Parent: "1.5", Tunnel: "2.5"}
	dashes     = map[Join]string{Parent: "6 3", Tunnel: "2 4"}
)

func (w *canvas) wire(l *wire) {
	dash := dashes[l.Join]
	if styles[l.State].dashed {
		dash = "5 3"
	}
	if dash != "" {
		dash = fmt.Sprintf(` stroke-dasharray="%s"`, dash)
	}
	ends := l.From.Name + " - " + l.To.Name
	w.line(`<path class="%s" d="%s" fill="none" stroke="%s" stroke-width="%s"%s><title>%s</title></path>`, l.State, corners(l.points),
		styles[l.State].line, lineWidths[l.Join], dash, escape(l.tooltip(string(l.Join)+" "+ends)))
}

// cornerRadius is the radius of the corners of lines.
const cornerRadius = 6

// corners returns the path along points, with rounded corners.
func corners(points []point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", points[0].x, points[0].y)
	for i := 1; i < len(points); i++ {
		at := points[i]
		if i == len(points)-1 {
			fmt.Fprintf(&b, "L%d %d", at.x, at.y)
			break
		}
		before, after := points[i-1], points[i+1]
		r := min(cornerRadius, distance(before, at)/2, distance(at, after)/2)
		if r == 0 {
			continue
		}
		in, out := pointToward(at, before, r), pointToward(at, after, r)
		fmt.Fprintf(&b, "L%d %dQ%d %d %d %d", in.x, in.y, at.x, at.y, out.x, out.y)
	}
	return b.String()
}

func distance(a, b point) int { return max(a.x-b.x, b.x-a.x, a.y-b.y, b.y-a.y) }

// pointToward returns the point at a distance from one point in the horizontal or vertical direction of another.
func pointToward(from, to point, distance int) point {
	sign := func(n int) int { return max(-1, min(1, n)) }
	return point{from.x + sign(to.x-from.x)*distance, from.y + sign(to.y-from.y)*distance}
}

const legendHeight, swatch = 30, 16

func legendWidth(states []State) int {
	if len(states) == 0 {
		return 0
	}
	w := 2 * margin
	for _, s := range states {
		w += swatch + 2*cardPad + width(s.Legend(), textSize)
	}
	return w
}

func (w *canvas) legend(states []State, y int) {
	x := margin
	for _, s := range states {
		w.line(`<rect x="%d" y="%d" width="%d" height="12" rx="3" %s/>`, x, y, swatch, shape(s, styles[s].fill))
		x += swatch + cardPad
		w.text(x, y+10, mutedClass, "", s.Legend())
		x += width(s.Legend(), textSize) + cardPad
	}
}

func escape(text string) string {
	var b bytes.Buffer
	// Writing to a buffer does not fail.
	_ = xml.EscapeText(&b, []byte(plain.Text(text)))
	return b.String()
}
