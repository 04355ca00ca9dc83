package spec

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// FAULTS 29: what is meant to use up memory or time is refused before it can: in a few allocations per byte of the file,
// and with few words.
func TestBombs(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"20 MB", strings.Repeat("# and so on\n", 20<<20/12), "a.yaml: the file is larger than 16 MiB"},
		{"one byte too many", strings.Repeat("#", maxFileSize+1), "a.yaml: the file is larger than 16 MiB"},
		{"10,000 brackets", strings.Repeat("[", 10_000), "a.yaml: nested deeper than 64 levels"},
		{"16 MiB of braces", strings.Repeat("{a: ", maxFileSize/4), "a.yaml: nested deeper than 64 levels"},
		{"10,000 dashes", strings.Repeat("- ", 10_000) + "a", "a.yaml: nested deeper than 64 levels"},
		{"10,000 question marks", strings.Repeat("? ", 10_000) + "a", "a.yaml: nested deeper than 64 levels"},
		{"1,000 indented lines", indented(1_000), "a.yaml:66:66: nested deeper than 64 levels"},
		{"a billion laughs", laughs(30), "a.yaml:1:5: anchors and aliases are not part of the language: write the value out"},
		{"an alias to what holds it", "links: &a [*a]\n", "a.yaml:1:8: anchors and aliases are not part of the language: write the value out"},
		{"16 MiB of one word", strings.Repeat("x", maxFileSize), `a.yaml:1:1: expected a mapping, found "` + strings.Repeat("x", 60) + `"...`},
		{"16 MiB of NULs", strings.Repeat("\x00", maxFileSize), "a.yaml:1:1: the file holds a NUL byte"},
		{"16 MiB of no UTF-8", strings.Repeat("\xff", maxFileSize), "a.yaml:1:1: the file is not UTF-8 here"},
		{"16 MiB of keys without a value", strings.Repeat("a:\n", maxFileSize/3), "a.yaml: the file has more than 1000000 lines and list items: split it"},
		{"16 MiB of quotes", strings.Repeat(`"`, maxFileSize), "a.yaml:1:1: did not find expected <document start>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			desired, errs := Compile(toys, files(test.text))
			runtime.ReadMemStats(&after)
			if said := errs.Error(); !strings.Contains("\n"+said+"\n", "\n"+test.want+"\n") {
				t.Errorf("errors %.200q, want %q", said, test.want)
			}
			if n := desired.Resources.Len() + len(desired.Namespaces); n > 0 {
				t.Errorf("%d things are desired all the same", n)
			}
			if spent, limit := after.TotalAlloc-before.TotalAlloc, uint64(256<<20); spent > limit {
				t.Errorf("%d bytes of YAML took %d MiB", len(test.text), spent>>20)
			}
		})
	}
}

func indented(lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

func laughs(levels int) string {
	var b strings.Builder
	b.WriteString("l0: &l0 [ha, ha]\n")
	for i := range levels {
		fmt.Fprintf(&b, "l%d: &l%[1]d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*l%d, ", i), 9))
	}
	return b.String()
}

// What a large site would write is taken, and nobody has to wait for it.
func TestManyLinks(t *testing.T) {
	var b strings.Builder
	b.WriteString("links:\n")
	for i := range 5_000 {
		fmt.Fprintf(&b, "  c%d: {name: v%[1]d, mtu: 9000, colour: red, needs: [v%d]}\n", i, max(0, i-1))
	}
	desired, errs := Compile(toys, files(b.String()))
	if want := "a.yaml:2:3: a cycle: host/link/v0 needs host/link/v0"; errs.Error() != want {
		t.Errorf("errors %q, want %q", errs, want)
	}
	if n := desired.Resources.Len(); n != 10_000 {
		t.Errorf("%d resources", n)
	}
}
