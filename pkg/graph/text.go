package graph

import (
	"strings"
)

// title returns the lines above the interfaces of a namespace: its name, its selector, and its notes.
func (b *Node) title() []string {
	lines := []string{b.Name}
	if b.Selector != "" {
		lines = append(lines, b.Selector)
	}
	for _, n := range limitNotes(b.Notes) {
		lines = append(lines, n.line(b.State))
	}
	return lines
}

// heading returns the interface's name and kind.
func (i *Interface) heading() string { return strings.TrimSpace(i.Name + "  " + i.Kind) }

// lines returns the text below the heading.
func (i *Interface) lines() (lines []string) {
	if len(i.Details) > 0 {
		lines = append(lines, strings.Join(i.Details, ", "))
	}
	for _, n := range limitNotes(i.Notes) {
		lines = append(lines, n.line(i.State))
	}
	return lines
}

// signs are those of `linkd diff`, and two for pending and failed.
var signs = map[State]string{Leaving: "- ", Pending: "? ", Missing: "+ ", Differs: "~ ", Failed: "! "}

// line returns the note as a line of text, with a sign if its state differs from that of the thing it is on.
func (n Note) line(on State) string {
	if n.State == on {
		return n.Text
	}
	return signs[n.State] + n.Text
}

// tooltip returns the text that a viewer shows when the mouse points at something: its state and the reason.
func (m Status) tooltip(of string) string {
	text := of + ": " + m.State.Legend()
	if m.Reason != "" {
		text += " (" + m.Reason + ")"
	}
	return text
}

// legend returns the states that the legend explains; none if there is only one.
func (p *Picture) legend() []State {
	if states := p.UsedStates(); len(states) > 1 {
		return states
	}
	return nil
}
