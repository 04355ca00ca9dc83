package spec

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

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
	spaceless = regexp.MustCompile(`^([a-z][a-z0-9_.]+):([^:\s].*)$`)
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
	if at := spaceMissing(text); strings.HasPrefix(text[at:], "\u00a0") {
		return fmt.Sprintf("a no-break space (U+00A0) follows %q, and YAML takes a plain space only", text[:at])
	}
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
	default:
		m.message = fmt.Sprintf("expected KEY: VALUE, found %s", quoted(text))
	}
	return m
}
