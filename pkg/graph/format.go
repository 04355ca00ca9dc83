package graph

import (
	"fmt"
	"maps"
	"slices"
)

// The names of the formats.
const (
	DOT     = "dot"
	Mermaid = "mermaid"
	SVG     = "svg"
)

// Formats returns a picture as text, by the name of the format.
var Formats = map[string]func(*Picture) string{DOT: dot, Mermaid: mermaid, SVG: svg}

// FormatNames returns the names of the formats in alphabetical order.
func FormatNames() []string { return slices.Sorted(maps.Keys(Formats)) }

// style is how a state is drawn: the colour of its lines and notes, the colour that fills its shapes, and whether its lines are
// dashed, which stands for something that does not exist. The colours can be distinguished with a red-green deficiency (the
// palette of Okabe and Ito).
type style struct {
	line, fill string
	dashed     bool
}

var styles = map[State]style{
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
	ink           = "#1f2937" // text
	mutedInk      = "#6b7280" // text of less weight
	paper         = "#ffffff"
	namespaceFill = "#fafafa" // of a namespace
)

// maxNotes is the number of notes of an interface or a namespace that are drawn.
const maxNotes = 8

// limitNotes returns the notes to draw. If there are more than maxNotes, the last one says how many are left out, and has the
// worst of their states.
func limitNotes(notes []Note) []Note {
	if len(notes) <= maxNotes {
		return notes
	}
	some := slices.Clone(notes[:maxNotes-1])
	rest := Note{Status: Status{State: OK}}
	for _, n := range notes[maxNotes-1:] {
		if n.State.rank() >= rest.State.rank() {
			rest.State = n.State
		}
	}
	rest.Text = fmt.Sprintf("and %d more", len(notes)-len(some))
	return append(some, rest)
}
