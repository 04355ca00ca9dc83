package spec

import (
	"bytes"
	"strings"
)

// flow reads what is in brackets.
type flow struct {
	*tracer
	// since is the first byte of the line on which the outermost bracket opens, and indent the column of the block
	// around it.
	since, indent int
	open          []bracket
	// outdented is the bracket that was the innermost where the first line that is indented like that block began.
	outdented *bracket
	// isWord: the last token is a text without quotes. word is the place of its last word and words their number; broken:
	// that word is on another line than the one before.
	isWord, broken bool
	word, words    int
	// greedy is the place, plus one, of a tag of the present entry that has taken the comma after it.
	greedy int
}

func (f *flow) inner() *bracket { return &f.open[len(f.open)-1] }

func (f *flow) read() *mistake {
	for {
		f.skip()
		if f.pos >= len(f.text) {
			m := f.fault("%s", notClosed(*f.inner()))
			m.pos = f.inner().pos
			return m
		}
		if len(f.open) > 0 && f.first && f.pos == f.start && f.isMarker() {
			m := f.fault("%s", notClosed(*f.inner()))
			m.pos = f.inner().pos
			return m
		}
		m := f.token()
		if m != nil && f.greedy > 0 {
			f.pos = f.greedy - 1
			m.pos, m.message = f.pos, beginsTag(string(f.wordAt()))
		}
		if m != nil || len(f.open) == 0 || f.givenUp {
			return m
		}
	}
}

// skip moves to the next word.
func (f *flow) skip() {
	for f.pos < len(f.text) {
		c := f.text[f.pos]
		switch {
		case c == ' ' || c == '\t':
			f.pos++
		case c == '#' && (f.pos == f.start || f.text[f.pos-1] == ' ' || f.text[f.pos-1] == '\t'):
			f.pos = lineEnd(f.text, f.pos)
		case breakAt(f.text, f.pos) > 0:
			f.newLine()
		default:
			if f.first && len(f.open) > 0 {
				f.beginLine()
			}
			return
		}
	}
}

// beginLine notes a line that is indented like the block around the brackets and looks like an entry of that.
func (f *flow) beginLine() {
	if f.outdented != nil || f.column() > f.indent || f.at(0) == ']' || f.at(0) == '}' {
		return
	}
	rest := f.text[f.pos:lineEnd(f.text, f.pos)]
	if bytes.Contains(rest, []byte(": ")) || bytes.HasSuffix(bytes.TrimRight(rest, " \t"), []byte(":")) || bytes.HasPrefix(rest, []byte("- ")) {
		b := *f.inner()
		f.outdented = &b
	}
}

// token reads one bracket, comma, colon or text.
func (f *flow) token() *mistake {
	c := f.at(0)
	first := f.first
	f.first = false
	if len(f.open) > 0 {
		switch in := f.inner(); c {
		case ']', '}':
			if c != in.closing() {
				return f.fault("expected %q, because line %d has %q, and found %q", string(in.closing()), in.line, string(in.open), string(c))
			}
			f.open = f.open[:len(f.open)-1]
			f.pos++
			return nil
		case ',':
			if !in.item {
				return f.fault("an item is missing before this comma")
			}
			in.item, in.colon, in.value, f.greedy = false, false, false, 0
			f.pos++
			return nil
		case ':':
			return f.colon()
		case '?':
			f.givenUp = true
			return nil
		}
		if m := f.separated(); m != nil && c != '!' && c != '&' {
			return m
		}
	}
	f.isWord = false
	switch c {
	case '[', '{':
		f.open = append(f.open, bracket{open: c, pos: f.pos, line: f.line})
		f.pos++
		return nil
	case '"', '\'':
		return f.quoted()
	case '!':
		return f.tag()
	case '&':
		for f.pos++; isAnchorByte(f.at(0)); f.pos++ {
		}
		f.inner().undo()
		return nil
	case '*':
		return f.alias()
	case '@', '`', '%', '|', '>':
		return f.fault("a value cannot begin with %q: put it in quotes", string(c))
	case '-':
		if f.endsWord(f.pos + 1) {
			if first {
				return f.fault(`"- " is within %q of line %d: separate the items by commas, or close that`, string(f.inner().open), f.inner().line)
			}
			return f.fault(`"-" cannot be an item without quotes`)
		}
	}
	f.plain()
	return nil
}

// separated notes that an item or a value begins, and returns the mistake of one that no comma separates from the one
// before.
func (f *flow) separated() *mistake {
	in := f.inner()
	switch {
	case !in.item:
		in.item = true
	case in.colon && !in.value:
		in.value = true
	case f.isWord && f.at(0) == '{' && !f.endsWord(f.pos-1), f.text[f.pos-1] == '}' && !f.endsWord(f.pos):
		return f.fault(`a comma is missing before this; text with "{" has to be in quotes within brackets`)
	case f.text[f.pos-1] == ':':
		return f.fault(`a space is missing after the ":"`)
	default:
		return f.fault("a comma is missing before this")
	}
	return nil
}

// colon reads the colon between a key and a value.
func (f *flow) colon() *mistake {
	in := f.inner()
	switch {
	case !in.item, in.colon && !in.value:
		return f.fault(`a value that begins with ":" has to be in quotes`)
	case f.isWord && (in.colon && f.words > 1 || f.broken):
		f.pos = f.word
		return f.fault("a comma is missing before %s", quoted(string(f.wordAt())))
	case in.colon:
		return f.fault(`": " is in this entry a second time: put the value in quotes, or write a comma`)
	}
	in.colon = true
	f.pos++
	return nil
}

func (f *flow) wordAt() []byte {
	word := f.text[f.pos:lineEnd(f.text, f.pos)]
	if end := bytes.IndexAny(word, ": ,"); end >= 0 {
		word = word[:end]
	}
	return word
}

// tag reads a tag, to which yaml.v3 counts a comma or a closing bracket that follows.
func (f *flow) tag() *mistake {
	at := f.pos
	for !f.endsWord(f.pos) && f.at(0) != '{' && f.at(0) != '}' {
		f.pos++
	}
	word := string(f.text[at:f.pos])
	if f.at(0) == '}' || strings.ContainsAny(word, "]\"") {
		f.pos = at
		return f.fault("%s", beginsTag(word))
	}
	if strings.HasSuffix(word, ",") {
		f.greedy = at + 1
	}
	f.inner().undo()
	return nil
}

// undo takes back that an item or a value began: it comes after its tag or anchor.
func (b *bracket) undo() {
	if b.colon {
		b.value = false
	} else {
		b.item = false
	}
}

// plain reads a text without quotes, up to a comma, a bracket, or a colon that ends a key.
func (f *flow) plain() {
	f.isWord, f.words, f.broken = true, 0, false
	for {
		f.word = f.pos
		f.words++
		for !f.endsWord(f.pos) && !strings.ContainsRune(",[]{}?", rune(f.at(0))) && (f.at(0) != ':' || !f.endsWord(f.pos+1)) {
			f.pos++
		}
		if !f.endsWord(f.pos) {
			return
		}
		line := f.line
		f.skip()
		f.first = false
		if f.pos >= len(f.text) || strings.ContainsRune(",[]{}?", rune(f.at(0))) || f.at(0) == ':' && f.endsWord(f.pos+1) {
			return
		}
		f.broken = f.line != line
	}
}
