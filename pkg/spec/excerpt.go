package spec

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"linkd/pkg/plain"
)

// excerptWidth is how many columns of a line an excerpt has at most, without the marks at its cut ends. It fits a
// terminal of 80 columns.
const excerptWidth = 72

// cutMark stands in an excerpt for what is left out of a long line.
const cutMark = "..."

// tabWidth is the width of a tab at most, for the length of an excerpt.
const tabWidth = 8

// mostExcerpts is how many of the errors in all files have an excerpt: more than anybody reads.
const mostExcerpts = 1000

// addExcerpts sets the excerpts of the first errors that have a line. The errors are sorted. It reads each file once,
// however many errors there are on one line.
func (es Errors) addExcerpts(files []File) {
	es = es[:min(len(es), mostExcerpts)]
	if len(es) == 0 {
		return
	}
	texts := byPath(files)
	var at cursor
	path := ""
	for i, e := range es {
		if i == 0 || e.File != path {
			path = e.File
			at = newCursor(texts[path].Text)
		}
		if e.Line > 0 && at.moveTo(e.Line, e.Column) {
			e.Excerpt = excerptOf(at.text[at.start:at.end], at.pos-at.start)
		}
	}
}

// cursor is a position in a text. It moves forward only.
type cursor struct {
	text []byte
	// start and end are the line with the number line, without its break.
	start, end, line int
	// pos is the place of the character with the number column.
	pos, column int
}

func newCursor(text []byte) cursor {
	// yaml.v3 counts neither a byte order mark as a column.
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	return cursor{text: text, end: lineEnd(text, 0), line: 1, column: 1}
}

// moveTo moves to a line and a column, or to the end of the line if the column is behind it. It returns false if there is
// no such line.
func (c *cursor) moveTo(line, column int) bool {
	for c.line < line {
		width := breakAt(c.text, c.end)
		if width == 0 {
			return false
		}
		c.start = c.end + width
		c.end = lineEnd(c.text, c.start)
		c.line, c.pos, c.column = c.line+1, c.start, 1
	}
	for c.column < column && c.pos < c.end {
		_, size := utf8.DecodeRune(c.text[c.pos:c.end])
		c.pos += size
		c.column++
	}
	return true
}

// breakAt returns the length of the line break at a place in a text, or 0. YAML 1.1 has more of them than the line feed
// (is_break in yamlprivateh.go of yaml.v3).
func breakAt(text []byte, pos int) int {
	if pos >= len(text) {
		return 0
	}
	switch text[pos] {
	case '\n':
		return 1
	case '\r':
		if pos+1 < len(text) && text[pos+1] == '\n' {
			return 2
		}
		return 1
	case 0xc2, 0xe2:
		for _, wide := range [...]string{"\u0085", "\u2028", "\u2029"} {
			if bytes.HasPrefix(text[pos:], []byte(wide)) {
				return len(wide)
			}
		}
	}
	return 0
}

// lineEnd returns the end of the line in which a place is.
func lineEnd(text []byte, pos int) int {
	for pos < len(text) && breakAt(text, pos) == 0 {
		pos++
	}
	return pos
}

// excerptOf returns a line, or what is around the byte at, and below it a line with a caret under that byte. It is empty
// for a blank line.
func excerptOf(line []byte, at int) string {
	if len(bytes.TrimSpace(line)) == 0 {
		return ""
	}
	// A character has four bytes at most.
	const most = 4 * excerptWidth
	from, to := max(0, at-most), min(len(line), at+most)
	for from > 0 && from < at && !utf8.RuneStart(line[from]) {
		from++
	}
	part := hideKeys(line[from:to])
	before, after := printed(part[:at-from]), printed(part[at-from:])
	room := excerptWidth - min(widthOf(after), excerptWidth/2)
	cut := len(before)
	for cut > 0 && room-columns(before[cut-1]) >= 0 {
		cut--
		room -= columns(before[cut])
	}
	head := string(before[cut:])
	if cut > 0 || from > 0 {
		head = cutMark + head
	}
	room = excerptWidth - widthOf(before[cut:])
	keep := 0
	for keep < len(after) && room-columns(after[keep]) >= 0 {
		room -= columns(after[keep])
		keep++
	}
	tail := string(after[:keep])
	if keep < len(after) || to < len(line) {
		tail += cutMark
	}
	return head + tail + "\n" + padding(head) + "^"
}

// printed returns a part of a line as it is printed: one character for each, so that the caret is under the right one.
func printed(part []byte) (runes []rune) {
	for len(part) > 0 {
		r, size := utf8.DecodeRune(part)
		if r != '\t' {
			r, _ = utf8.DecodeRuneInString(plain.Text(string(part[:size])))
		}
		runes = append(runes, r)
		part = part[size:]
	}
	return runes
}

// padding returns blanks as wide as text. A tab stays a tab, because its width depends on the terminal.
func padding(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteString(strings.Repeat(" ", columns(r)))
		}
	}
	return b.String()
}

func widthOf(runes []rune) (width int) {
	for _, r := range runes {
		if width += columns(r); width > excerptWidth {
			break
		}
	}
	return width
}

// terminal is the width of characters on a terminal, the same in every locale: an ambiguous one has one column.
var terminal = &runewidth.Condition{StrictEmojiNeutral: true}

func columns(r rune) int {
	if r == '\t' {
		return tabWidth
	}
	return terminal.RuneWidth(r)
}

// keyText is what a key of WireGuard looks like. A file that has one in the place of a file's name is not shown with it.
var keyText = regexp.MustCompile(`[A-Za-z0-9+/]{43}=`)

// hideKeys replaces each character of what looks like a secret key.
func hideKeys(part []byte) []byte {
	return keyText.ReplaceAllFunc(part, func(key []byte) []byte { return bytes.Repeat([]byte("*"), len(key)) })
}
