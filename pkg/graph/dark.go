package graph

import (
	"fmt"
	"strings"
)

// darkStyles has the colours on a dark background.
var darkStyles = map[State]style{
	OK:      {line: "#3fc79a", fill: "#0f2f27"},
	Wanted:  {line: "#6cb0f0", fill: "#12263a"},
	Foreign: {line: "#9aa4b2", fill: "#1f242c"},
	Leaving: {line: "#9aa4b2", fill: "#0d1117"},
	Pending: {line: "#e3b341", fill: "#2e2611"},
	Missing: {line: "#6cb0f0", fill: "#12263a"},
	Differs: {line: "#d89be6", fill: "#2d1a33"},
	Failed:  {line: "#ff8a80", fill: "#3a1716"},
}

const (
	darkInk           = "#e6edf3"
	darkMutedInk      = "#9aa4b2"
	darkPaper         = "#0d1117"
	darkNamespaceFill = "#161b22"
)

// darkStyle returns the style sheet that replaces the colours of a picture where the reader prefers a dark background.
func darkStyle(p *Picture) string {
	var b strings.Builder
	rule := func(selector, format string, args ...any) { fmt.Fprintf(&b, selector+"{"+format+"}", args...) }
	rule(".paper", "fill:%s", darkPaper)
	rule("."+inkClass, "fill:%s", darkInk)
	rule("."+mutedClass, "fill:%s", darkMutedInk)
	for _, s := range p.UsedStates() {
		dark := darkStyles[s]
		rule(fmt.Sprintf("rect.%s", s), "fill:%s;stroke:%s", dark.fill, dark.line)
		rule(fmt.Sprintf("path.%s", s), "stroke:%s", dark.line)
		rule(fmt.Sprintf("text.%s", s), "fill:%s", dark.line)
	}
	rule("rect.namespace", "fill:%s", darkNamespaceFill)
	return "@media (prefers-color-scheme:dark){" + b.String() + "}"
}
