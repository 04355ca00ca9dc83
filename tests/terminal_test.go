package tests

import (
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The dimensions of a picture of a terminal, in pixels. The width of a character is 0.6 times the font size.
const (
	terminalFont, terminalStep = 13, 19
	terminalMargin             = 18
)

// terminalPicture returns an SVG that shows lines of text as a terminal does: commands and headings in bold, and changes in the
// colours of `linkd diff`. It is dark on every page.
func terminalPicture(lines []string) string {
	longest := 0
	for _, l := range lines {
		longest = max(longest, utf8.RuneCountInString(l))
	}
	width, height := 2*terminalMargin+longest*terminalFont*61/100, 2*terminalMargin+len(lines)*terminalStep
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="%d">`+"\n",
		width, height, width, height, terminalFont)
	b.WriteString("<title>A terminal in which make demo runs</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#0d1117"/>`+"\n", width, height)
	for i, l := range lines {
		var text strings.Builder
		// Writing to a builder does not fail.
		_ = xml.EscapeText(&text, []byte(l))
		fmt.Fprintf(&b, `<text x="%d" y="%d" xml:space="preserve" %s>%s</text>`+"\n", terminalMargin, terminalMargin+(i+1)*terminalStep-6, terminalStyle(l), &text)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// terminalStyle returns the attributes of a line by its first characters.
func terminalStyle(line string) string {
	switch trimmed := strings.TrimLeft(line, " "); {
	case strings.HasPrefix(trimmed, "$ "):
		return `fill="#6cb0f0" font-weight="bold"`
	case strings.HasPrefix(trimmed, "+ "):
		return `fill="#3fc79a"`
	case strings.HasPrefix(trimmed, "~ "):
		return `fill="#e3b341"`
	case strings.HasPrefix(trimmed, "- "):
		return `fill="#ff8a80"`
	case strings.HasSuffix(line, "."):
		return `fill="#ffffff" font-weight="bold"`
	}
	return `fill="#c9d1d9"`
}
