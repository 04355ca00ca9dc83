package iptables

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// quote writes a word so that splitter reads it unchanged, as xtables_save_string does (libxtables/xtables.c).
func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n\"'\\#") {
		return word
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `'`, `\'`, `\`, `\\`).Replace(word) + `"`
}

// join writes words so that splitter reads them unchanged.
func join(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// errQuote reports a quote without an end: a program printed an unquoted name with a quote in it, and linkd cannot tell where the
// following words end.
const errQuote = formatError("a quote has no end")

// splitter splits the output of iptables-save into lines of words, as iptables-restore does (add_param_to_argv in
// iptables/xshared.c). Unlike that, it accepts a line feed in a comment, because iptables-save prints one.
type splitter struct {
	from *bufio.Reader
	// comment is called with each comment line, without its line feed.
	comment func(text string)
}

// next returns the next line with words, or io.EOF. Unquoted words share the memory of the line: there may be 900,000 lines.
func (s *splitter) next() (line []string, err error) {
	for {
		text, err := s.from.ReadString('\n')
		if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
			return nil, err
		}
		if line, err = s.split(text); len(line) > 0 || err != nil {
			return line, err
		}
	}
}

// usualWords is roughly the number of words in a line.
const usualWords = 24

// split splits a line, and the lines over which a quote continues.
func (s *splitter) split(text string) (line []string, err error) {
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t\n")
		switch {
		case rest == "":
			return line, nil
		case rest[0] == '#' && len(line) == 0:
			s.comment(strings.TrimSuffix(rest, "\n"))
			return nil, nil
		}
		if line == nil {
			line = make([]string, 0, usualWords)
		}
		end := strings.IndexAny(rest, " \t\n\"")
		if end < 0 {
			return append(line, rest), nil
		}
		if rest[end] != '"' {
			line, rest = append(line, rest[:end]), rest[end:]
			continue
		}
		var word string
		if word, rest, err = s.quoted(rest); err != nil {
			return line, err
		}
		line = append(line, word)
	}
}

// quoted returns the partly quoted word at the start of a text, and the rest of the text.
func (s *splitter) quoted(text string) (word, rest string, err error) {
	if whole, after, closed := strings.Cut(text[1:], `"`); text[0] == '"' && closed && !strings.Contains(whole, `\`) &&
		(after == "" || strings.IndexByte(" \t\n", after[0]) >= 0) {
		return whole, after, nil
	}
	var b strings.Builder
	quoted, escaped := false, false
	for {
		for i := range len(text) {
			switch c := text[i]; {
			case escaped:
				b.WriteByte(c)
				escaped = false
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case !quoted && (c == ' ' || c == '\t' || c == '\n'):
				return b.String(), text[i:], nil
			default:
				b.WriteByte(c)
			}
		}
		if !quoted {
			return b.String(), "", nil
		}
		text, err = s.from.ReadString('\n')
		switch {
		case text == "" && errors.Is(err, io.EOF):
			return "", "", errQuote
		case err != nil && !errors.Is(err, io.EOF):
			return "", "", err
		}
	}
}
