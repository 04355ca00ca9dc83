package report

import (
	"fmt"
	"slices"
	"strings"
)

// patternOf returns what is the same in the reasons of one cause: numbers, and the name of the namespace, may differ.
func patternOf(reason, netns string) string {
	var b strings.Builder
	number := false
	for at := 0; at < len(reason); {
		if netns != "" && strings.HasPrefix(reason[at:], netns) && !isNameAt(reason, at-1) && !isNameAt(reason, at+len(netns)) {
			b.WriteByte(0)
			at += len(netns)
			number = false
			continue
		}
		c := reason[at]
		at++
		if digit := isDigit(rune(c)); !digit {
			b.WriteByte(c)
			number = false
		} else if !number {
			b.WriteByte('0')
			number = true
		}
	}
	return b.String()
}

// isNameAt reports whether the byte at an index belongs to a name.
func isNameAt(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	c := text[at]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// foldReasons writes reasons of one pattern as one. Words that differ become a range or a list: "no container is called
// web1 … web6".
func foldReasons(reasons []string) string {
	words := strings.Split(reasons[0], " ")
	variants := make([][]string, len(words))
	for i, word := range words {
		variants[i] = []string{word}
	}
	seen := map[string]bool{}
	for _, reason := range reasons {
		if seen[reason] {
			continue
		}
		seen[reason] = true
		for i, word := range strings.Split(reason, " ") {
			if i < len(variants) && !slices.Contains(variants[i], word) && len(variants[i]) < mostVariants {
				variants[i] = append(variants[i], word)
			}
		}
	}
	for i, vs := range variants {
		words[i] = foldWords(vs)
	}
	return strings.Join(words, " ")
}

// mostVariants limits how many variants of a word are compared.
const mostVariants = 1000

// foldWords writes the variants of a word as one word. What is before and after the name in it is the same in all.
func foldWords(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	start, end := len(words[0]), len(words[0])
	for _, w := range words[1:] {
		n := 0
		for n < min(start, len(w)) && w[n] == words[0][n] {
			n++
		}
		start = n
		n = 0
		for n < min(end, len(w)) && w[len(w)-1-n] == words[0][len(words[0])-1-n] {
			n++
		}
		end = n
	}
	for start > 0 && isNameAt(words[0], start-1) {
		start--
	}
	for end > 0 && isNameAt(words[0], len(words[0])-end) {
		end--
	}
	names := make([]string, len(words))
	for i, w := range words {
		if len(w) < start+end {
			return words[0] + " …"
		}
		names[i] = w[start : len(w)-end]
	}
	return words[0][:start] + FoldNames(names) + words[0][len(words[0])-end:]
}

// mostNames is how many names and ranges FoldNames writes.
const mostNames = 5

// listed joins names and ranges.
func listed(parts []string) string {
	if len(parts) > mostNames {
		parts = append(slices.Clone(parts[:mostNames-1]), fmt.Sprintf("… and %d more", len(parts)-mostNames+1))
	}
	return strings.Join(parts, ", ")
}
