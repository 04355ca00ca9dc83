package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"strings"
)

// The measures of the chart, in pixels.
const (
	chartWidth  = 760
	labelWidth  = 250
	numberWidth = 90
	barHeight   = 20
	barGap      = 8
	groupGap    = 30
	topMargin   = 12
)

// chart writes a picture of the wall times to a file: a group of bars for each size, a bar for each contestant that ran. The
// axis is logarithmic, because the slowest contestant takes a hundred times as long as the fastest.
func (r *report) chart(path string) error {
	if path == "" {
		return nil
	}
	var bars strings.Builder
	y, fastest, slowest := topMargin, math.Inf(1), 0.0
	for _, n := range r.sizes {
		for _, c := range contestants(settings{}) {
			if v := r.median(n, c.name, wallOf); !math.IsNaN(v) {
				fastest, slowest = min(fastest, v), max(slowest, v)
			}
		}
	}
	width := func(seconds float64) float64 {
		// The fastest bar has a tenth of the width, so that it can be seen.
		part := 0.1 + 0.9*math.Log(seconds/fastest)/max(math.Log(slowest/fastest), 1e-9)
		return part * (chartWidth - labelWidth - numberWidth)
	}
	for _, n := range r.sizes {
		fmt.Fprintf(&bars, "<text class=\"size\" x=\"0\" y=\"%d\">N = %d</text>\n", y+14, n)
		y += barHeight + barGap
		for _, c := range contestants(settings{}) {
			v := r.median(n, c.name, wallOf)
			if math.IsNaN(v) {
				continue
			}
			class := "other"
			switch {
			case c.name == floorName:
				class = "floor"
			case strings.HasPrefix(c.name, linkdName):
				class = "linkd"
			}
			fmt.Fprintf(&bars, "<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>\n", labelWidth-10, y+15, html.EscapeString(strings.ReplaceAll(c.what, "`", "")))
			fmt.Fprintf(&bars, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, labelWidth, y, width(v), barHeight)
			fmt.Fprintf(&bars, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", labelWidth+width(v)+6, y+15, inSeconds(v))
			y += barHeight + barGap
		}
		y += groupGap - barGap
	}
	height := y - groupGap + 2*topMargin
	picture := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-label="Seconds to connect N namespaces to a bridge, on a logarithmic axis">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.label { text-anchor: end }
.size { font-weight: bold }
.floor { fill: #8c959f }
.linkd { fill: #1a7f37 }
.other { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.floor { fill: #6e7681 }
.linkd { fill: #3fb950 }
.other { fill: #58a6ff }
}
</style>
%[3]s</svg>
`, chartWidth, height, bars.String())
	return os.WriteFile(path, []byte(picture), 0o644)
}

// inSeconds is a time as a reader compares it: with two digits that count.
func inSeconds(v float64) string {
	switch {
	case v < 0.1:
		return fmt.Sprintf("%.0f ms", v*1000)
	case v < 10:
		return fmt.Sprintf("%.2f s", v)
	}
	return fmt.Sprintf("%.0f s", v)
}
