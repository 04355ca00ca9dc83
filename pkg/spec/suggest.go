package spec

import (
	"iter"
	"reflect"
	"slices"
	"strings"
)

// suggestions limits the comparisons with known words for one reading of the files. Thousands of unknown names among
// thousands of known ones would otherwise take minutes.
type suggestions struct{ left int }

// mostComparisons is enough for twenty misspelt names among ten thousand.
const mostComparisons = 200_000

// didYouMean returns a suggestion to append to an error, or "" if no known word is similar. A nil s has no limit.
func (s *suggestions) didYouMean(word string, known iter.Seq[string]) string {
	best, distance := "", 2
	for k := range known {
		if s != nil {
			if s.left == 0 {
				return ""
			}
			s.left--
		}
		most := min(distance, (max(len(word), len(k))+1)/3)
		if d := editDistance(word, k, most); d <= most && (best == "" || d < distance || k < best) {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return `; did you mean "` + best + `"?`
}

// hintAtKey returns a suggestion for an unknown key: the key that has the word as one of its other names, or one that is
// similar. meant is the key of the former.
func (c *Context) hintAtKey(word string, structs []reflect.Value, elsewhere []Key) (hint, meant string) {
	var names []string
	note := func(name string, also []string) {
		names = append(names, name)
		for _, other := range also {
			if other, text, more := strings.Cut(other, "="); other == word && more {
				hint = "; did you mean " + text + "?"
			} else if other == word {
				meant, hint = name, `; did you mean "`+name+`"?`
			}
		}
	}
	for _, v := range structs {
		for _, f := range layoutOf(v.Type()).fields {
			note(f.Name, f.Also)
		}
	}
	for _, k := range elsewhere {
		note(k.Name, k.Also)
	}
	if hint == "" {
		hint = c.DidYouMean(word, slices.Values(names))
	}
	return hint, meant
}

func didYouMean(word string, known []string) string {
	return (*suggestions)(nil).didYouMean(word, slices.Values(known))
}

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours between two words (optimal
// string alignment). If there are more than most, it returns a number above most.
func editDistance(a, b string, most int) int {
	if max(len(a)-len(b), len(b)-len(a)) > most {
		return most + 1
	}
	// row, before and beforeThat are the rows of the table for the last letters of a, the latest first.
	row, before, beforeThat := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, before, beforeThat = beforeThat, row, before
		row[0] = i
		nearest := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], beforeThat[j-2]+1)
			}
			nearest = min(nearest, row[j])
		}
		if nearest > most+1 {
			return most + 1
		}
	}
	return row[len(b)]
}
