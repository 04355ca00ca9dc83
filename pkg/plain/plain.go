// Package plain keeps what others have named, interfaces, processes, containers and files, from writing to a terminal or a
// log in any way but as text: no colours, no lines of its own, and no other order of what is there to be read.
package plain

import (
	"bytes"
	"io"
	"strings"
	"unicode"
)

// Text is s as one line of text, with a question mark for each character that would not print: control characters, those
// that turn the direction of writing (https://unicode.org/reports/tr9), and bytes that are not UTF-8.
func Text(s string) string { return strings.Map(printable, strings.ToValidUTF8(s, "?")) }

func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// Writer passes text on to w like Text, but for line feeds and tabs. Each Write is taken for whole characters.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ to io.Writer }

// Write implements io.Writer.
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
