package spec

import (
	"bytes"
	"fmt"
)

// quoted moves behind a text in quotes.
func (t *tracer) quoted() *mistake {
	quote, open, start := t.at(0), t.pos, t.start
	unclosed := func() *mistake {
		return &mistake{pos: open, since: start, seen: len(t.text), message: "this quote is not closed"}
	}
	for t.pos++; t.pos < len(t.text); {
		switch c := t.text[t.pos]; {
		case c == '\\' && quote == '"':
			if !isEscape(t.at(1)) && breakAt(t.text, t.pos+1) == 0 {
				return t.fault(`\%c is no escape of YAML: write \\ for a backslash, or use single quotes`, t.at(1))
			}
			t.pos++
			if breakAt(t.text, t.pos) == 0 {
				t.pos++
			}
		case c == quote && quote == '\'' && t.at(1) == quote:
			t.pos += 2
		case c == quote:
			t.pos++
			return nil
		case breakAt(t.text, t.pos) > 0:
			t.newLine()
			if t.isMarker() {
				return unclosed()
			}
		default:
			t.pos++
		}
	}
	return unclosed()
}

// isEscape reports whether a character may follow the backslash in double quotes (YAML 1.1, 5.6, and yaml.v3).
func isEscape(c byte) bool {
	return c != 0 && bytes.IndexByte([]byte("0abt\tnvfre \"'\\/N_LPxuU"), c) >= 0
}

// blockText moves behind a text after | or >.
func (t *tracer) blockText() {
	t.textLine = t.line
	parent := t.top().indent
	explicit := 0
	for t.pos++; t.at(0) == '+' || t.at(0) == '-' || '0' <= t.at(0) && t.at(0) <= '9'; t.pos++ {
		if t.at(0) > '0' {
			explicit = int(t.at(0) - '0')
		}
	}
	t.pos = lineEnd(t.text, t.pos)
	t.pending, t.first = false, false
	indent := 0
	if explicit > 0 {
		indent = max(parent, 0) + explicit
	}
	for t.pos < len(t.text) {
		t.newLine()
		for t.at(0) == ' ' && (indent == 0 || t.pos-t.start < indent) {
			t.pos++
		}
		if breakAt(t.text, t.pos) > 0 {
			continue
		}
		if indent == 0 {
			indent = max(t.pos-t.start, parent+1, 1)
		}
		if t.pos-t.start < indent {
			t.pos = t.start
			return
		}
		t.pos = lineEnd(t.text, t.pos)
	}
}

// bracket is an open [ or {.
type bracket struct {
	open byte
	pos  int
	line int
	// item: something follows the last comma. colon: so does a colon. value: something follows that colon.
	item, colon, value bool
}

func (b bracket) closing() byte {
	if b.open == '[' {
		return ']'
	}
	return '}'
}

// brackets moves behind the bracket that closes the one at the position.
func (t *tracer) brackets() *mistake {
	f := &flow{tracer: t, since: t.start, indent: t.top().indent}
	m := f.read()
	if m == nil {
		return nil
	}
	m.since = f.since
	if f.outdented != nil {
		// A line that is indented like the block around the brackets is not meant to be in them.
		m.pos, m.seen = f.outdented.pos, max(m.seen, m.pos)
		m.message = notClosed(*f.outdented)
	}
	return m
}

func notClosed(b bracket) string { return fmt.Sprintf("this %q is not closed", string(b.open)) }
