package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// A mistake is why a text is not YAML, and where. yaml.v3 often names the beginning of what it was reading, or the line on
// which it noticed that an earlier one is wrong.
type mistake struct {
	// pos is the byte that an editor should go to.
	pos int
	// since is the first byte of the block, quote or bracket with the mistake: yaml.v3 reads what is before.
	since int
	// seen is the byte at which the mistake shows: yaml.v3 does not read what is before the end of its line.
	seen int
	// message is empty if yaml.v3's own says what is wrong.
	message string
}

// mostTraced is the longest text, in bytes, that is read once more for its mistake.
const mostTraced = 4 << 20

// findMistake reads a text that yaml.v3 refuses once more, with a scanner that knows the usual mistakes. It finds nothing
// where it is not sure: it claims a mistake only if yaml.v3 reads what is before it, and does not read what is up to it.
// anchor is the anchor that yaml.v3 did not find, or "". It takes up to twice as long as reading the text, and so reads no
// very long one.
func findMistake(text []byte, anchor string) (m *mistake) {
	if len(text) > mostTraced {
		return nil
	}
	t := &tracer{text: text, anchor: anchor, stack: []block{{indent: -1}}, pending: true}
	t.skipMark()
	if m = t.document(); m == nil {
		return nil
	}
	m.since = min(m.since, m.pos)
	if !isYAML(text[:m.since]) || isYAML(text[:lineEnd(text, max(m.seen, m.pos))]) {
		return nil
	}
	return m
}

func isYAML(text []byte) bool {
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var n yaml.Node
		if err := dec.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// tracer reads the structure of a text line by line.
type tracer struct {
	text   []byte
	anchor string
	pos    int
	// line is the number of the line, start its first byte, and first says that nothing but blanks is before pos on it.
	line, start int
	first       bool
	// stack are the open blocks, the document first. pending: the last entry of the last block has no value yet.
	stack   []block
	pending bool
	// left is the block that the last line ended, if it ended one; leftList says that it was a list that is indented like
	// its key.
	left     block
	leftList bool
	// textLine is the line of the last | or >, until the next entry.
	textLine int
	// ended: a line with ... has ended the last document.
	ended bool
	// value is where the value of the last key begins if it has a line of its own, with the number of that line.
	value     int
	valueLine int
	// suspect is the mistake of the last value, if the next line shows that it is one.
	suspect *mistake
	// givenUp: the text has something that the tracer does not know.
	givenUp bool
}

// block is a mapping or a list whose entries begin at the column indent, counted from 0.
type block struct {
	list   bool
	indent int
	// line is that of the last entry, and key its key.
	line int
	key  string
}

func (t *tracer) top() *block { return &t.stack[len(t.stack)-1] }

func (t *tracer) skipMark() {
	if bytes.HasPrefix(t.text, []byte("\ufeff")) {
		t.pos = len("\ufeff")
	}
	t.start, t.line, t.first = t.pos, 1, true
}

// at returns the byte at an offset from the position, or 0 at the end.
func (t *tracer) at(offset int) byte {
	if t.pos+offset < len(t.text) {
		return t.text[t.pos+offset]
	}
	return 0
}

// endsWord reports whether a blank, a line break or the end of the text is at a place.
func (t *tracer) endsWord(pos int) bool {
	return pos >= len(t.text) || t.text[pos] == ' ' || t.text[pos] == '\t' || breakAt(t.text, pos) > 0
}

func (t *tracer) newLine() {
	t.pos += breakAt(t.text, t.pos)
	t.start, t.first = t.pos, true
	t.line++
}

// column returns the column of the position, counted from 0.
func (t *tracer) column() int { return utf8.RuneCount(t.text[t.start:t.pos]) }

// fault returns a mistake at the position that shows there.
func (t *tracer) fault(format string, args ...any) *mistake {
	return &mistake{pos: t.pos, since: t.start, seen: t.pos, message: fmt.Sprintf(format, args...)}
}

// document reads all documents, and returns the first mistake.
func (t *tracer) document() *mistake {
	for !t.givenUp {
		if m := t.skipBlanks(); m != nil {
			return m
		}
		switch {
		case t.pos >= len(t.text):
			return nil
		case t.first && t.pos == t.start && t.isMarker():
			t.ended = t.at(0) == '.'
			t.stack, t.pending, t.left = []block{{indent: -1}}, true, block{}
			t.pos += len("---")
			t.first = false
		case t.first && t.pos == t.start && t.at(0) == '%' && len(t.stack) == 1 && t.pending:
			t.pos = lineEnd(t.text, t.pos)
		case t.ended && t.first:
			return t.fault(`after "..." the next document begins with "---"`)
		default:
			if m := t.entry(); m != nil {
				return m
			}
		}
	}
	return nil
}

// isMarker reports whether --- or ... is at the position.
func (t *tracer) isMarker() bool {
	rest := t.text[t.pos:]
	return (bytes.HasPrefix(rest, []byte("---")) || bytes.HasPrefix(rest, []byte("..."))) && t.endsWord(t.pos+3)
}

// skipBlanks moves to the next word. A tab may not indent a line, nor follow the dash of a list.
func (t *tracer) skipBlanks() *mistake {
	for t.pos < len(t.text) {
		switch c := t.text[t.pos]; {
		case c == ' ':
			t.pos++
		case c == '\t' && t.first:
			return t.fault("%s", t.tabMessage())
		case c == '\t':
			if t.pos > 0 && t.pending && t.top().list && t.text[t.pos-1] == '-' {
				return t.fault(`a tab follows the "-", and YAML takes a space only`)
			}
			t.pos++
		case c == '#' && (t.pos == t.start || t.text[t.pos-1] == ' ' || t.text[t.pos-1] == '\t'):
			t.pos = lineEnd(t.text, t.pos)
		case breakAt(t.text, t.pos) > 0:
			t.newLine()
		default:
			return nil
		}
	}
	return nil
}

// tabMessage is what is said about the tab at the position: an editor shows it like spaces.
func (t *tracer) tabMessage() string {
	if len(bytes.TrimSpace(t.text[t.pos:lineEnd(t.text, t.pos)])) == 0 {
		return "a tab is on this blank line, and YAML takes spaces only"
	}
	return "a tab indents this line, and YAML takes spaces only"
}

// entry reads what begins at the position: the dash of a list, a key, or a value.
func (t *tracer) entry() *mistake {
	indent := t.column()
	dash := t.at(0) == '-' && t.endsWord(t.pos+1)
	if t.first {
		t.leave(indent, dash)
	}
	top := t.top()
	switch {
	case dash && t.pending && !t.first && len(t.stack) == 1:
		return t.fault("")
	case dash && t.pending && !t.first && !top.list:
		return t.fault(`a list cannot begin on the line of its key: begin it on the next line, or write it in [ ]`)
	case dash && t.pending:
		t.stack = append(t.stack, block{list: true, indent: indent})
	case dash && (!top.list || top.indent != indent):
		return t.misplaced(indent, dash)
	case t.at(0) == ':' && t.endsWord(t.pos+1) && t.first:
		return t.fault(`a key is missing before this ":"`)
	case (t.at(0) == '?' || t.at(0) == ':') && t.endsWord(t.pos+1):
		t.givenUp = true
		return nil
	}
	if !dash {
		return t.node(indent)
	}
	t.top().line, t.top().key, t.textLine, t.suspect = t.line, "-", 0, nil
	t.pos++
	t.pending, t.first = true, false
	return nil
}

// leave ends the blocks that are indented deeper than a line.
func (t *tracer) leave(indent int, dash bool) {
	t.left, t.leftList = block{}, false
	for t.top().indent > indent {
		t.left = *t.top()
		t.stack = t.stack[:len(t.stack)-1]
		t.pending = false
	}
	top := t.top()
	if top.indent < indent {
		return
	}
	if !dash && top.list && len(t.stack) > 1 && t.stack[len(t.stack)-2].indent == indent {
		// A list may be indented like its key.
		t.stack = t.stack[:len(t.stack)-1]
		t.pending, t.leftList = false, true
	}
	if !dash || t.top().list {
		t.pending = false
	}
}
