package iptables

import (
	"errors"
	"strings"
)

// quote writes a word so that words reads it back. It does what xtables_save_string does (libxtables/xtables.c).
func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n\"'\\#") {
		return word
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `'`, `\'`, `\`, `\\`).Replace(word) + `"`
}

// join writes words so that words reads them back.
func join(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// errQuote is a quote without its end: something printed a name unquoted that holds one, and what follows cannot be
// told apart any more.
var errQuote = errors.New("a quote has no end")

// words splits what iptables-save prints into lines of words, in the way in which iptables-restore reads it
// (add_param_to_argv in iptables/xshared.c), except that a comment may go on over the end of a line: one that holds a
// line's end is printed with it.
func words(text string) (lines [][]string, err error) {
	var line []string
	var word strings.Builder
	inWord, quoted, escaped := false, false, false
	end := func() {
		if inWord {
			line = append(line, word.String())
			word.Reset()
			inWord = false
		}
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
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
			next := strings.IndexByte(text[i:], '\n')
			if next < 0 {
				return lines, nil
			}
			i += next
		case c == ' ' || c == '\t':
			end()
		case c == '\n':
			if end(); line != nil {
				lines = append(lines, line)
				line = nil
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quoted {
		return nil, errQuote
	}
	if end(); line != nil {
		lines = append(lines, line)
	}
	return lines, nil
}
