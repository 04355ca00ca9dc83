package graph

import (
	"fmt"
	"strings"
)

// Layout is a picture with the positions of everything in it, in pixels: what the SVG of `linkd graph` draws, for programs that draw
// it themselves.
type Layout struct {
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Frames []Frame `json:"frames"`
	Wires  []Wire  `json:"wires"`
}

// Box is the place of a rectangle, and the lines of text in it.
type Box struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
	Status
	Text []Text `json:"text,omitempty"`
}

// Text is a line of text. State is "" if the text has none.
type Text struct {
	Words string `json:"words"`
	State State  `json:"state,omitempty"`
}

// Frame is a namespace, or the remote end of a tunnel. Its first line of text is its name.
type Frame struct {
	Name   string `json:"name"`
	Remote bool   `json:"remote,omitempty"`
	Box
	Cards []Card `json:"cards,omitempty"`
}

// Card is an interface. X and Y are relative to the picture.
type Card struct {
	Name string `json:"name"`
	Kind string `json:"kind,omitempty"`
	Box
}

// Wire is a line. Path is the value of an SVG path's attribute d.
type Wire struct {
	*Line
	Path string `json:"path"`
}

// LayOut returns the layout of a picture.
func LayOut(p *Picture) *Layout {
	d := layOut(p)
	l := &Layout{Width: d.width, Height: d.height, Frames: []Frame{}, Wires: []Wire{}}
	for _, f := range d.frames {
		l.Frames = append(l.Frames, f.export())
	}
	for _, s := range States {
		for _, w := range d.wires {
			if w.State == s.State {
				l.Wires = append(l.Wires, Wire{w.Line, corners(w.points)})
			}
		}
	}
	return l
}

func (f *frame) export() Frame {
	out := Frame{Name: f.Name, Remote: f.remote, Box: Box{f.x, f.y, f.w, f.h, f.Status, nil}}
	for _, line := range f.head {
		out.Text = append(out.Text, Text{Words: line})
	}
	for _, c := range f.cards {
		card := Card{Name: c.Name, Kind: c.Kind, Box: Box{f.x + c.x, f.y + c.y, c.w, c.h, c.Status, nil}}
		for _, line := range c.text {
			card.Text = append(card.Text, Text{line.words, line.state})
		}
		out.Cards = append(out.Cards, card)
	}
	return out
}

// StyleSheet returns a style sheet with the colours of each state as the variables --line and --fill, for a light and for a dark
// background, and those of the paper and the ink as variables of the document.
func StyleSheet() string {
	var b strings.Builder
	rule := func(selector, format string, args ...any) { fmt.Fprintf(&b, selector+"{"+format+"}\n", args...) }
	write := func(of map[State]style, paper, ink, muted, namespace string) {
		rule(":root", "--paper:%s;--ink:%s;--muted:%s;--namespace:%s", paper, ink, muted, namespace)
		for _, s := range States {
			rule("."+string(s.State), "--line:%s;--fill:%s", of[s.State].line, of[s.State].fill)
		}
	}
	write(styles, paper, ink, mutedInk, namespaceFill)
	b.WriteString("@media screen and (prefers-color-scheme:dark){\n")
	write(darkStyles, darkPaper, darkInk, darkMutedInk, darkNamespaceFill)
	b.WriteString("}\n")
	return b.String()
}
