package plain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"linkd/pkg/plain"
)

func TestText(t *testing.T) {
	for have, want := range map[string]string{
		"":                          "",
		"eth0 ~ größer 日本 👍":        "eth0 ~ größer 日本 👍",
		"\x1b[31mred\x1b[m":         "?[31mred?[m",
		"two\nlines\r\x00\x7f\t":    "two?lines????",
		"c1 \u009b31m":              "c1 ?31m",
		"not UTF-8 \xff\xfe, \xc3(": "not UTF-8 ?, ?(",
		"bidi \u202egnp\u202c \u2066x\u2069 \u200f\u061c": "bidi ?gnp? ?x? ??",
		"lines \u2028 and \u2029":                         "lines ? and ?",
		"\ufeffmark, zero\u200bwidth":                     "?mark, zero?width",
	} {
		if got := plain.Text(have); got != want {
			t.Errorf("%q prints as %q, want %q", have, got, want)
		}
	}
}

func TestWriter(t *testing.T) {
	var b strings.Builder
	n, err := fmt.Fprintf(plain.Writer(&b), "a\tb\x1b[2J\nc\xff\n")
	if err != nil || n != 11 || b.String() != "a\tb?[2J\nc?\n" {
		t.Errorf("%d bytes, %v: %q", n, err, b.String())
	}
	if _, err := plain.Writer(full{}).Write([]byte("a")); !errors.Is(err, errFull) {
		t.Errorf("a writer that is full: %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// Whatever somebody is called, it prints as one line of text.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"eth0", "\x1b[31m", "\u202e", "\xff", "a\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := plain.Text(s)
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q prints as %q", s, text)
		}
		if plain.Text(text) != text {
			t.Errorf("%q prints as %q, and that in another way", s, text)
		}
	})
}
