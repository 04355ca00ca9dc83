package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("a", 250) + "!" + strings.Repeat("b", 249)
	for _, test := range []struct {
		name, text string
		at         int
		want       string
	}{
		{"the beginning of a line", "mtu: x", 0, "mtu: x\n^"},
		{"its end", "mtu:", 4, "mtu:\n    ^"},
		{"a tab stays one, and the caret has it as well", "\tmtu: \tx", 7, "\tmtu: \tx\n\t     \t^"},
		{"a wide character has two columns", "名前: x", 8, "名前: x\n      ^"},
		{"a combining character has none", "e\u0301: x", 5, "e\u0301: x\n   ^"},
		{"control characters are made plain", "a\x1b[31m: x", 8, "a?[31m: x\n        ^"},
		{"bytes that are not UTF-8, too", "caf\xe9\xe9: x", 7, "caf??: x\n       ^"},
		{"a blank line has none", " \t ", 1, ""},
		{"the middle of a long line", long, 250, "..." + strings.Repeat("a", 36) + "!" + strings.Repeat("b", 35) + "...\n" + strings.Repeat(" ", 39) + "^"},
		{"the beginning of a long line", long, 3, strings.Repeat("a", 72) + "...\n   ^"},
		{"the end of a long line", long, 499, "..." + strings.Repeat("b", 72) + "\n" + strings.Repeat(" ", 74) + "^"},
		{
			"a key that belongs into a file", `private_key: "wAFiEKBiTx4kE3MSrmzPYQK9RnnCfvZxHgYvvKuFsHc=", mtu: x`, 65,
			`private_key: "********************************************", mtu: x` + "\n" + strings.Repeat(" ", 65) + "^",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, excerptOf([]byte(test.text), test.at)); d != "" {
				t.Errorf("the excerpt (-want +got):\n%s", d)
			}
		})
	}
}

// The line of an error is that of the parser, whatever ends it.
func TestExcerptIsTheLineOfTheError(t *testing.T) {
	for name, text := range map[string]string{
		"line feeds": "links:\n  c1: {mtu: 1500}\n  c2: {nmae: x}\n", "a carriage return with each": "links:\r\n  c1: {mtu: 1500}\r\n  c2: {nmae: x}\r\n",
		"carriage returns alone": "links:\r  c1: {mtu: 1500}\r  c2: {nmae: x}\r", "a byte order mark": "\ufefflinks:\n  c1: {mtu: 1500}\n  c2: {nmae: x}\n",
		"other line breaks of YAML": "links:\u2028  c1: {mtu: 1500}\u0085  c2: {nmae: x}", "one line": "links: {c2: {nmae: x}}",
	} {
		_, errs := Compile(toys, []File{{Path: "a.yaml", Text: []byte(text)}})
		if len(errs) != 1 {
			t.Fatalf("%s: %v", name, errs)
		}
		line, caret, _ := strings.Cut(errs[0].Excerpt, "\n")
		if !strings.Contains(line, "c2: {nmae: x}") || !strings.HasPrefix(line[len(caret)-1:], "nmae") {
			t.Errorf("%s: %q", name, errs[0].Excerpt)
		}
	}
	_, errs := Compile(toys, []File{{Path: "a.yaml", Text: []byte("\ufeffnmae: x")}, {Path: "gone.yaml", Err: errDisk}})
	if got, want := errs.WithExcerpts(), "a.yaml:1:1: unknown key \"nmae\"\nnmae: x\n^\ngone.yaml: input/output error"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The last error on a very long line takes no longer to show than the first.
func TestExcerptsOfOneLine(t *testing.T) {
	const many = 10 * mostExcerpts
	text := strings.Repeat(strings.Repeat("x", 1000)+"!", many)
	errs := make(Errors, many)
	for i := range errs {
		errs[i] = &Error{Source: Source{File: "a.yaml", Line: 1, Column: 1001 * (i + 1)}}
	}
	errs.addExcerpts([]File{{Path: "a.yaml", Text: []byte(text)}})
	for i, e := range errs {
		line, caret, _ := strings.Cut(e.Excerpt, "\n")
		if (e.Excerpt != "") != (i < mostExcerpts) || e.Excerpt != "" && line[len(caret)-1] != '!' {
			t.Fatalf("error %d: %q", i, e.Excerpt)
		}
	}
}
