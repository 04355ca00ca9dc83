package report

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

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
