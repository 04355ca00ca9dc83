package iptables

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// words returns the lines of a text.
func words(text string) (lines [][]string, err error) {
	split := &splitter{from: bufio.NewReader(strings.NewReader(text)), comment: func(string) {}}
	for {
		line, err := split.next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string][][]string{
		"# it's a \" in a comment\n*nat\n\n:X - [0:0]\n":  {{"*nat"}, {":X", "-", "[0:0]"}},
		`-A X --comment "a \"b\" \'c\' \\d" -j Y`:         {{"-A", "X", "--comment", `a "b" 'c' \d`, "-j", "Y"}},
		`-A X --comment ""`:                               {{"-A", "X", "--comment", ""}},
		"-A X --comment \"two\n-A LINKD-X\" -j Y\nCOMMIT": {{"-A", "X", "--comment", "two\n-A LINKD-X", "-j", "Y"}, {"COMMIT"}},
		`-o a#b -m comment --comment #1`:                  {{"-o", "a#b", "-m", "comment", "--comment", "#1"}},
		"# without an end":                                nil,
		"-A X a\"b c\"d\t\"e\"\"f\" \"g\\\"\n\" \n":       {{"-A", "X", "ab cd", "ef", "g\"\n"}},
		"*nat\n# \"\n \t\n:X - [0:0]":                     {{"*nat"}, {":X", "-", "[0:0]"}},
	} {
		have, err := words(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	if _, err := words("-A X -o a\"b -j Y\n"); !errors.Is(err, errQuote) {
		t.Errorf("have %v, want %v", err, errQuote)
	}
}

// words reads what join writes.
func TestJoinRoundTrip(t *testing.T) {
	const letters = "ab \t\"'\\#!-:\n"
	for range 2000 {
		line := make([]string, 1+rand.IntN(4))
		for i := range line {
			for range rand.IntN(6) {
				line[i] += string(letters[rand.IntN(len(letters))])
			}
		}
		have, err := words(join(line))
		if err != nil || len(have) != 1 || !slices.Equal(have[0], line) {
			t.Fatalf("%q became %q by %q, %v", line, have, join(line), err)
		}
	}
}
