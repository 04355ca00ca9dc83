package graph

import (
	"fmt"
	"maps"
	"slices"
)

// The formats.
const (
	DOT     = "dot"
	Mermaid = "mermaid"
	SVG     = "svg"
)

// Formats write a picture, each in a language.
var Formats = map[string]func(*Picture) string{DOT: dot, Mermaid: mermaid, SVG: svg}

// FormatNames are the names of the formats.
func FormatNames() []string { return slices.Sorted(maps.Keys(Formats)) }

// paint is what a state looks like: its lines and the text of its notes, and what a shape is filled with. The colours are
// told apart by who cannot tell red from green (the palette of Okabe and Ito), and dashes say what is not there.
type paint struct {
	line, fill string
	dashed     bool
}

var paints = map[State]paint{
	OK:      {"#00775a", "#e8f6f1", false},
	Wanted:  {"#1c5d99", "#eaf2fa", false},
	Foreign: {"#6b7280", "#f3f4f6", false},
	Leaving: {"#6b7280", "#ffffff", true},
	Pending: {"#9a6700", "#fff8e1", true},
	Missing: {"#1c5d99", "#eaf2fa", true},
	Differs: {"#8f3f97", "#f8ecf9", false},
	Failed:  {"#b42318", "#fdecea", false},
}

const (
	ink    = "#1f2937" // text
	shade  = "#6b7280" // text of less weight
	paper  = "#ffffff"
	inside = "#fafafa" // of a namespace
)

// notesShown is how many addresses and routes of an interface or a namespace are drawn.
const notesShown = 8

// firstNotes are the notes that are drawn, the last of which says how many others there are.
func firstNotes(notes []Note) []Note {
	if len(notes) <= notesShown {
		return notes
	}
	some := slices.Clone(notes[:notesShown-1])
	rest := Note{Mark: Mark{State: OK}}
	for _, n := range notes[notesShown-1:] {
		if n.State.rank() >= rest.State.rank() {
			rest.State = n.State
		}
	}
	rest.Text = fmt.Sprintf("and %d more", len(notes)-len(some))
	return append(some, rest)
}
