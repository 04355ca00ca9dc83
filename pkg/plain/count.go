package plain

import "strconv"

// Count returns a number with its noun: "1 file", "2 files". The noun is one that takes an s.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
