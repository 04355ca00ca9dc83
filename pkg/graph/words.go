package graph

import (
	"fmt"
	"strings"
)

// title is what stands above a namespace, and what there is in it that is on no interface.
func (b *Box) title() []string {
	lines := []string{b.Name}
	if b.Selector != "" {
		lines = append(lines, b.Selector)
	}
	for _, n := range firstNotes(b.Notes) {
		lines = append(lines, n.line(b.State))
	}
	return lines
}

// heading is the interface's name and kind.
func (i *Interface) heading() string { return strings.TrimSpace(i.Name + "  " + i.Kind) }

// lines are what is drawn below the heading.
func (i *Interface) lines() (lines []string) {
	if len(i.Details) > 0 {
		lines = append(lines, strings.Join(i.Details, ", "))
	}
	for _, n := range firstNotes(i.Notes) {
		lines = append(lines, n.line(i.State))
	}
	return lines
}

// signs are those of `linkd diff`, and two for what is not as wanted.
var signs = map[State]string{Leaving: "- ", Pending: "? ", Missing: "+ ", Differs: "~ ", Failed: "! "}

// line is the note as it is drawn on a thing. How it stands is said where it stands otherwise than that.
func (n Note) line(on State) string {
	if n.State == on {
		return n.Text
	}
	return signs[n.State] + n.Text
}

// hint is what is said of a thing when it is pointed at: how it stands, and why.
func (m Mark) hint(of string) string {
	text := of + ": " + m.State.legend()
	if m.Reason != "" {
		text += " (" + m.Reason + ")"
	}
	return text
}

// legend are the states that have to be explained: not those of a picture in which all is the same.
func (p *Picture) legend() []State {
	if states := p.In(); len(states) > 1 {
		return states
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprint(n, " ", one)
	}
	return fmt.Sprint(n, " ", many)
}
