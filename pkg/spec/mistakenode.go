package spec

import (
	"bytes"
	"fmt"
	"strings"
)

// node reads a key or a value that begins at the position.
func (t *tracer) node(indent int) *mistake {
	begin, first, line := t.pos, t.first, t.line
	for t.at(0) == '!' || t.at(0) == '&' {
		if m := t.property(); m != nil {
			return m
		}
		for t.at(0) == ' ' || t.at(0) == '\t' {
			t.pos++
		}
		if t.pos >= len(t.text) || breakAt(t.text, t.pos) > 0 || t.at(0) == '#' {
			// The value is on the next line, or empty.
			t.first = false
			return nil
		}
	}
	at := t.pos
	switch c := t.at(0); c {
	case '"', '\'':
		if m := t.quoted(); m != nil {
			return m
		}
	case '[', '{':
		if m := t.brackets(); m != nil || t.givenUp {
			return m
		}
	case '|', '>':
		t.blockText()
		return nil
	case '*':
		if m := t.alias(); m != nil {
			return m
		}
	case ']', '}':
		return t.fault("%q closes nothing", string(c))
	case '@', '`', '%', ',':
		return t.fault("a value cannot begin with %q: put it in quotes", string(c))
	default:
		if !t.plainKey() {
			return t.plainText(at, indent, first)
		}
	}
	return t.afterNode(begin, at, line, indent, first)
}

// property reads a tag or an anchor.
func (t *tracer) property() *mistake {
	at := t.pos
	for !t.endsWord(t.pos) {
		t.pos++
	}
	if word := string(t.text[at:t.pos]); word[0] == '!' && strings.ContainsAny(word, "\"{}`^|<>#\\") {
		t.pos = at
		return t.fault("%s", beginsTag(word))
	}
	return nil
}

// beginsTag says why a word with an exclamation mark is no text.
func beginsTag(word string) string {
	if word == "!" {
		return `YAML drops a "!" before a blank: put the value in quotes`
	}
	return fmt.Sprintf("YAML reads %s as a tag, because it begins with \"!\": put it in quotes", quoted(strings.TrimRight(word, ",]}")))
}

func (t *tracer) alias() *mistake {
	at := t.pos
	for t.pos++; isAnchorByte(t.at(0)); t.pos++ {
	}
	name := string(t.text[at+1 : t.pos])
	switch {
	case name == "" || !t.endsWord(t.pos) && !strings.ContainsRune(",]}:?", rune(t.at(0))):
		t.pos = at
		return t.fault("%s", beginsAlias)
	case name == t.anchor:
		t.pos = at
		return t.fault("anchors and aliases are not part of the language: write the value out, or put a text that begins with \"*\" in quotes")
	}
	return nil
}

// beginsAlias is the message about a text such as *.example.org.
const beginsAlias = `YAML reads "*" as the beginning of an alias: put the value in quotes`

func isAnchorByte(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// plainKey moves behind a word without quotes if a colon ends it on its line. Else it moves to the end of the text on
// that line.
func (t *tracer) plainKey() bool {
	end := lineEnd(t.text, t.pos)
	for t.pos < end {
		switch c := t.text[t.pos]; {
		case c == ':' && t.endsWord(t.pos+1):
			return true
		case (c == ' ' || c == '\t') && t.at(1) == '#':
			return false
		}
		t.pos++
	}
	return false
}

// afterNode reads what follows a key or a value on its line. The node began at begin, after which its text began at at, on
// a line with that number.
func (t *tracer) afterNode(begin, at, line, indent int, first bool) *mistake {
	text := t.text[at:t.pos]
	for t.at(0) == ' ' || t.at(0) == '\t' {
		t.pos++
	}
	if t.at(0) == ':' && t.endsWord(t.pos+1) && t.line == line {
		return t.key(indent, first, string(bytes.TrimSpace(text)))
	}
	misplaced := !t.pending
	if first && !misplaced {
		t.value, t.valueLine = begin, line
	}
	t.pending, t.first = false, false
	if t.pos >= len(t.text) || breakAt(t.text, t.pos) > 0 || t.at(0) == '#' {
		if misplaced {
			t.pos = begin
			return t.fault("")
		}
		return nil
	}
	m := t.fault("")
	switch c := text[0]; {
	case c != '"' && c != '\'' && (t.at(0) == ']' || t.at(0) == '}'):
		m.message = fmt.Sprintf("%q closes nothing", string(t.at(0)))
	case c == '[' || c == '{':
		m.message = fmt.Sprintf("text follows the closing %q; text that begins with a bracket has to be in quotes", string(text[len(text)-1]))
	case c != '"' && c != '\'':
	case t.line != line:
		m.pos, m.since = at, lineStart(t.text, at)
		m.message = fmt.Sprintf("this quote is closed on line %d only, and text follows there: is a closing quote missing?", t.line)
	case c == '\'':
		m.message = "text follows the closing quote: within single quotes, write a quote as ''"
	default:
		m.message = `text follows the closing quote: within double quotes, write a quote as \"`
	}
	return m
}

func lineStart(text []byte, pos int) int {
	for pos > 0 && breakAt(text, pos-1) == 0 {
		pos--
	}
	return pos
}

// key reads the colon at the position, after a key that begins at the column indent.
func (t *tracer) key(indent int, first bool, key string) *mistake {
	top := t.top()
	switch {
	case t.pending && !first && !top.list && len(t.stack) == 1:
		return t.fault("")
	case t.pending && !first && !top.list:
		return t.fault(`": " is on this line a second time: put the value in quotes, or begin a new line`)
	case t.pending:
		t.stack = append(t.stack, block{indent: indent})
	case top.list || top.indent != indent || len(t.stack) == 1:
		return t.misplaced(indent, false)
	}
	t.top().line, t.top().key, t.textLine, t.suspect, t.valueLine = t.line, key, 0, nil, 0
	t.pos++
	t.pending, t.first = true, false
	return nil
}

// misplaced returns the mistake of an entry at a column where none can be.
func (t *tracer) misplaced(indent int, dash bool) *mistake {
	top := t.top()
	t.pos = t.start + indent
	switch {
	case !t.first:
	case top.list && top.indent == indent && t.at(0) == '-':
		t.pos++
		return t.fault(`a space is missing after the "-"`)
	case top.list && top.indent == indent:
		return t.fault(`this line is indented like the "-" of line %d: indent it deeper, or begin it with "- "`, top.line)
	case top.indent == indent:
		return t.fault(`a list item is where a key like %s of line %d has to be`, quoted(top.key), top.line)
	case len(t.stack) == 1 && t.left.line > 0:
		return t.fault("this line is indented less than the first key of the document")
	case t.left.line > 0 && t.left.line == top.line:
		return t.fault("this line begins in column %d, and fits no other: line %d has entries in columns %d and %d",
			indent+1, top.line, top.indent+1, t.left.indent+1)
	case t.left.line > 0:
		return t.fault("this line begins in column %d, and fits no other: line %d begins in column %d, and line %d in column %d",
			indent+1, top.line, top.indent+1, t.left.line, t.left.indent+1)
	case t.suspect != nil:
		t.suspect.seen = t.pos
		return t.suspect
	case dash && t.valueLine > top.line:
		return &mistake{pos: t.value, since: lineStart(t.text, t.value), seen: t.pos, message: fmt.Sprintf(`"- " is missing before this item: line %d begins with one`, t.line)}
	case top.line > 0:
		return t.fault("this line is indented deeper than %s of line %d, which has a value", quoted(top.key), top.line)
	}
	t.givenUp = true
	return nil
}
