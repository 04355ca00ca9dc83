// Package plain removes control characters from text before linkd prints it. Other users choose the names of interfaces,
// processes, containers and files. With control characters in them they could change colours, add lines to a log, or reorder
// what a terminal shows.
package plain

import (
	"bytes"
	"io"
	"strings"
	"unicode"
)

// Text returns s as one line of text, with a question mark for each character that is not printable: control characters, those
// that change the direction of writing (https://unicode.org/reports/tr9), and bytes that are not UTF-8.
func Text(s string) string { return strings.Map(printable, strings.ToValidUTF8(s, "?")) }

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// Writer returns a writer that writes to w what Text returns, but keeps line feeds and tabs. Each Write must contain whole
// characters.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ to io.Writer }

// Write writes text without its control characters to w.to. It returns the length of text unless the write fails.
func (w writer) Write(text []byte) (int, error) {
	safe := bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return printable(r)
	}, bytes.ToValidUTF8(text, []byte("?")))
	if _, err := w.to.Write(safe); err != nil {
		return 0, err
	}
	return len(text), nil
}
