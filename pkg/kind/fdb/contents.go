package fdb

import "strings"

// contents returns where the entry sends frames, in the words of bridge(8), unless the ID says so.
func contents(e *Entry) (text string, lines []string) {
	if !e.Dst.IsValid() || e.toSeveral() {
		return "", nil
	}
	text = dstWord + e.Dst.String()
	if e.Via != "" {
		text += viaWord + e.Via
	}
	return strings.TrimPrefix(text, " "), nil
}
