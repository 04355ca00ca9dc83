package iptables

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// quote writes a word so that splitter reads it back. It does what xtables_save_string does (libxtables/xtables.c).
func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n\"'\\#") {
		return word
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `'`, `\'`, `\`, `\\`).Replace(word) + `"`
}

// join writes words so that splitter reads them back.
func join(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// errQuote is a quote without its end: something printed a name unquoted that holds one, and what follows cannot be
// told apart any more.
const errQuote = formatError("a quote has no end")

// splitter splits what iptables-save prints into lines of words, in the way in which iptables-restore reads it
// (add_param_to_argv in iptables/xshared.c), except that a comment may go on over the end of a line: one that holds a
// line's end is printed with it.
type splitter struct {
	from *bufio.Reader
	// comment is called with each line that is one, without its end.
	comment func(text string)
}

// next is the next line that has words, or io.EOF.
func (s *splitter) next() (line []string, err error) {
	var word strings.Builder
	inWord, quoted, escaped := false, false, false
	end := func() {
		if inWord {
			line = append(line, word.String())
			word.Reset()
			inWord = false
		}
	}
	for {
		c, err := s.from.ReadByte()
		if err != nil {
			if quoted && errors.Is(err, io.EOF) {
				err = errQuote
			}
			if end(); line != nil && errors.Is(err, io.EOF) {
				err = nil
			}
			return line, err
		}
		switch {
		case escaped:
			word.WriteByte(c)
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
			inWord = true
		case quoted:
			word.WriteByte(c)
		case c == '#' && len(line) == 0 && !inWord:
			rest, err := s.from.ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			s.comment("#" + strings.TrimSuffix(rest, "\n"))
		case c == ' ' || c == '\t':
			end()
		case c == '\n':
			if end(); line != nil {
				return line, nil
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
}
