package spec

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
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
		m.message = fmt.Sprintf("text follows the closing %q", string(text[len(text)-1]))
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
	t.top().line, t.top().key, t.textLine, t.suspect = t.line, key, 0, nil
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
	case top.line > 0:
		return t.fault("this line is indented deeper than %s of line %d, which has a value", quoted(top.key), top.line)
	}
	t.givenUp = true
	return nil
}

// plainText reads the rest of a text without quotes that began at the byte at, in the column indent, and goes on to the
// position: the lines that follow.
func (t *tracer) plainText(at, indent int, first bool) *mistake {
	text := string(bytes.TrimRight(t.text[at:t.pos], " \t"))
	line, start := t.line, t.start
	if !t.pending {
		return t.strayText(at, indent, text)
	}
	t.pending, t.first = false, false
	m := t.continuation(at)
	if m == nil && (first || t.top().list) && spaceMissing(text) > 0 {
		t.suspect = &mistake{pos: at + spaceMissing(text), since: start, message: spaceMessage(text)}
	}
	if m == nil || m.message != "" {
		return m
	}
	m.since = start
	top := t.top()
	word, rest, several := strings.Cut(text, " ")
	switch {
	case !first && !top.list && len(t.stack) > 1:
		m.message = fmt.Sprintf("this line is indented deeper than %s of line %d, which has the value %s", quoted(top.key), line, quoted(text))
		return m
	case spaceMissing(text) > 0:
		m.pos, m.message = at+spaceMissing(text), spaceMessage(text)
		return m
	case !keyWord.MatchString(word) || strings.Contains(rest, ":"):
	case !several && !top.list, several && m.seen-lineStart(t.text, m.seen) == at-start:
		m.pos, m.message = at+len(word), fmt.Sprintf(`a ":" is missing after %s`, quoted(word))
		return m
	}
	m.pos = m.seen
	return m
}

// continuation reads the further lines of a text without quotes. If there is a key on one of them, it returns a mistake at
// the first of them, which shows at the key.
func (t *tracer) continuation(at int) *mistake {
	begin := 0
	for breakAt(t.text, t.pos) > 0 {
		t.newLine()
		for t.at(0) == ' ' {
			t.pos++
		}
		if t.at(0) == '\t' && t.pos-t.start <= t.top().indent {
			return t.fault("%s", t.tabMessage())
		}
		for t.at(0) == ' ' || t.at(0) == '\t' {
			t.pos++
		}
		switch {
		case breakAt(t.text, t.pos) > 0:
			continue
		case t.pos-t.start <= t.top().indent || t.at(0) == '#' || t.pos == t.start && t.isMarker():
			return nil
		}
		if begin == 0 {
			begin = t.pos
		}
		word := t.pos
		if t.plainKey() {
			return &mistake{pos: begin, since: lineStart(t.text, at), seen: word}
		}
	}
	return nil
}

var (
	keyWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	// spaceless is a key that its value follows without a space.
	spaceless = regexp.MustCompile(`^([a-z][a-z0-9_]+):([^:\s].*)$`)
	hexWord   = regexp.MustCompile(`^[0-9a-f]{1,4}$`)
)

// spaceMissing returns where a space is missing in a text like via:10.9.0.2, or 0. An address or a selector is text.
func spaceMissing(text string) int {
	m := spaceless.FindStringSubmatch(text)
	if m == nil || hexWord.MatchString(m[1]) || m[1] != "name" && slices.Contains(schemeNames(), m[1]) {
		return 0
	}
	return len(m[1]) + 1
}

func spaceMessage(text string) string {
	return fmt.Sprintf(`a space is missing after %q`, text[:spaceMissing(text)])
}

// strayText returns the mistake of a text that begins at the byte at, in the column indent, where an entry has to be.
func (t *tracer) strayText(at, indent int, text string) *mistake {
	top := t.top()
	m := &mistake{pos: at, since: t.start, seen: at}
	word, _, _ := strings.Cut(text, " ")
	switch {
	case t.textLine > 0:
		m.message = fmt.Sprintf("this line ends the text that begins on line %d: indent it like the first line of that", t.textLine)
	case strings.HasPrefix(text, "<<<<<<<") || strings.HasPrefix(text, "=======") || strings.HasPrefix(text, ">>>>>>>"):
		m.message = "a merge conflict is left here: decide for one of its sides, and remove the marks"
	case spaceMissing(text) > 0:
		m.pos, m.message = at+spaceMissing(text), spaceMessage(text)
	case top.indent != indent:
		if deeper := t.misplaced(indent, false); deeper != nil {
			m = deeper
		}
	case text[0] == '-' && (top.list || t.leftList):
		m.pos, m.message = at+1, `a space is missing after the "-"`
	case top.list:
		m.message = fmt.Sprintf(`"- " is missing before %s`, quoted(text))
	case t.leftList:
		m.message = fmt.Sprintf(`%s is neither a list item, which begins with "- ", nor a key, which ends with ":"`, quoted(text))
	case keyWord.MatchString(word):
		m.pos, m.message = at+len(word), fmt.Sprintf(`a ":" is missing after %s`, quoted(word))
	}
	return m
}
