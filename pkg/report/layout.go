package report

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Wrap breaks a line into lines of at most the style's width. What indents the line stays, and the further lines begin with indent.
func (s Style) Wrap(line, indent string) []string {
	words := strings.TrimLeft(line, " ")
	lead := line[:len(line)-len(words)]
	lines := s.wrap(words, len(lead), indent)
	lines[0] = lead + lines[0]
	return lines
}

// Cut returns a line of at most so many columns, with an ellipsis where it was longer.
func Cut(line string, columns int) string {
	if text.StringWidth(line) <= columns {
		return line
	}
	return strings.TrimRight(text.Trim(line, columns-1), " ") + "…"
}

// wrap breaks a paragraph into lines of at most the style's width, of which the first begins at column first and the others
// with indent. A word that is longer than a line is not broken.
func (s Style) wrap(paragraph string, first int, indent string) []string {
	if s.Width <= 0 {
		return []string{paragraph}
	}
	var lines []string
	line, column := "", first
	for word := range strings.SplitSeq(paragraph, " ") {
		width := text.StringWidth(word)
		switch {
		case line == "":
			line = word
			column += width
		case column+1+width > s.Width:
			lines = append(lines, strings.TrimRight(line, " "))
			line, column = indent+word, len(indent)+width
		default:
			line += " " + word
			column += 1 + width
		}
	}
	return append(lines, line)
}
