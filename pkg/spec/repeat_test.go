package spec

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One declaration with for is as many as its variables have combinations, and all are as if they had been written out.
func TestForStandsForMany(t *testing.T) {
	for _, test := range []struct{ name, text, writtenOut string }{
		{"a range, and what is computed of it", `
namespaces:
  r{i}: {for: {i: 1-3}, from: "name:router{i}", size: "{i*10+1}", rooms: [{name: "hall{i}"}, {name: cellar}]}
links:
  r{i}-r{i+1}: {for: {i: 1-2}, netns: "r{i}", name: "to{ i + 1 }", mtu: "{i*1000-500}", needs: ["x{i}", y]}
`, `
namespaces:
  r1: {from: "name:router1", size: 11, rooms: [{name: "hall1"}, {name: cellar}]}
  r2: {from: "name:router2", size: 21, rooms: [{name: "hall2"}, {name: cellar}]}
  r3: {from: "name:router3", size: 31, rooms: [{name: "hall3"}, {name: cellar}]}
links:
  r1-r2: {netns: "r1", name: "to2", mtu: 500, needs: ["x1", y]}
  r2-r3: {netns: "r2", name: "to3", mtu: 1500, needs: ["x2", y]}
`},
		{"words, and the keys of a mapping", `
namespaces:
  n: {}
links:
  "{name}": {for: {name: [a, b, 7]}, netns: n, notes: {"of {name}": "{name}{name}"}, colour: "{label:x}"}
`, `
namespaces:
  n: {}
links:
  a: {netns: n, notes: {of a: aa}, colour: "{label:x}"}
  b: {netns: n, notes: {of b: bb}, colour: "{label:x}"}
  7: {netns: n, notes: {of 7: "77"}, colour: "{label:x}"}
`},
		{"several variables, the last one changes fastest", `
links:
  l{l}s{s}: {for: {l: 1-2, s: [x, y]}, colour: "{s}{l}"}
`, `
links:
  l1sx: {colour: x1}
  l1sy: {colour: y1}
  l2sx: {colour: x2}
  l2sy: {colour: y2}
`},
	} {
		want, errs := Compile(toys, files(test.writtenOut))
		if len(errs) > 0 {
			t.Fatalf("%s, written out: %v", test.name, errs)
		}
		got, errs := Compile(toys, files(test.text))
		if len(errs) > 0 {
			t.Errorf("%s: %v", test.name, errs)
		}
		if d := cmp.Diff(withoutPlaces(say(want)), withoutPlaces(say(got))); d != "" {
			t.Errorf("%s (-written out +for):\n%s", test.name, d)
		}
	}
}

// withoutPlaces removes " at FILE:LINE" from each line.
func withoutPlaces(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		what, _, _ := strings.Cut(line, " at ")
		b.WriteString(what + "\n")
	}
	return b.String()
}

// An error names its line, and the instances that have it; one that many have is reported once.
func TestErrorsOfFor(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"errors in the instances", `
namespaces:
  n{i}: {for: {i: 1-12}, size: "{i*30}", rom: 1}
links:
  c{i}: {for: {i: 1-3}, netns: "n{i+10}", nmae: x}
  x{a}{b}: {for: {a: [p, q], b: 1-2}, mac: "02:00:00:00:00:{b*99}"}
`, `
a.yaml:3:32: 270 is out of range (i = 9)
a.yaml:3:32: 300 is out of range (i = 10)
a.yaml:3:32: 330 is out of range (i = 11)
a.yaml:3:32: 360 is out of range (i = 12)
a.yaml:3:42: unknown key "rom"; did you mean "from"? (i = 1 and 11 more)
a.yaml:5:32: namespace "n13" is not declared; did you mean "n1"? (i = 3)
a.yaml:5:43: unknown key "nmae"; did you mean "name"? (i = 1 and 2 more)
a.yaml:6:44: expected a MAC address, found "02:00:00:00:00:198" (a = p, b = 2 and 1 more)
`},
		{"more errors at one place than anybody reads", `
links:
  c{i}: {for: {i: 1-9999}, mtu: "x{i}"}
`, `
a.yaml:3:33: expected a whole number, found "x1" (i = 1)
a.yaml:3:33: expected a whole number, found "x2" (i = 2)
a.yaml:3:33: expected a whole number, found "x3" (i = 3)
a.yaml:3:33: expected a whole number, found "x4" (i = 4)
a.yaml:3:33: expected a whole number, found "x5" (i = 5; 9994 more errors here)
`},
		{"two instances that are one, or have two values under one key", `
links:
  c{i}: {for: {i: 1-2, j: 1-2}}
  same: {for: {i: 1-2}}
  k{i}: {for: {i: 1-2}, notes: {"{i}": a, 2: b}}
  d{i}: {for: {i: 1-2}}
  d2: {}
`, `
a.yaml:3:3: "c1" stands for both i = 1, j = 1 and i = 1, j = 2: put each variable into the name, as in "c{i}-{j}"
a.yaml:4:3: "same" stands for both i = 1 and i = 2: put each variable into the name, as in "same-{i}"
a.yaml:5:43: "2" is here twice (i = 2)
a.yaml:7:3: link "d2" is declared twice, first in a.yaml:6
`},
		{"expressions that cannot be replaced", `
links:
  c{i}: {for: {i: 1-2}, notes: {a: "{j}", b: "{i/2}", c: "{i+i}", "{ii}": x}}
  d{w}: {for: {w: [a, "01"]}, notes: {a: "{w+1}", b: "{name}", c: "{name+1}"}}
`, `
a.yaml:3:36: {j}: for has no variable j
a.yaml:3:46: {i/2}: write {i}, {i+N}, {i-N} or {i*N+M}, with numbers for N and M
a.yaml:3:58: {i+i}: write {i}, {i+N}, {i-N} or {i*N+M}, with numbers for N and M
a.yaml:3:67: {ii}: for has no variable ii; did you mean "i"?
a.yaml:4:42: {w+1}: w has the value "a", which is not a number
a.yaml:4:67: {name+1}: for has no variable name
`},
		{"values that are none", `
links:
  a: {for: 1-2}
  b: {for: {}}
  c: {for: {i: 3}}
  d: {for: {i: 3-1}}
  e: {for: {i: 01-12}}
  f: {for: {i: []}}
  g: {for: {i: [a, b, a]}}
  h: {for: {i: [[a]], j: {a: b}}}
  i: {for: {i-1: 1-2}}
  j: {for: {i: 1-10001}}
  k: {for: {i: 1-101, j: 1-100}}
  l: {foreach: {i: 1-2}}
`, `
a.yaml:3:12: expected variables with their values, as in {i: 1-12}, found "1-2"
a.yaml:4:12: expected variables with their values, as in {i: 1-12}, found a mapping
a.yaml:5:16: expected a range of numbers as in 1-12, or a list of values as in [a, b], found "3"
a.yaml:6:16: 3-1 begins after its end: write 1-3
a.yaml:7:16: 01 is not a number of one to nine digits without a zero in front
a.yaml:8:16: the list has no values
a.yaml:9:23: "a" is in the list twice
a.yaml:10:17: expected a word or a number, found a list
a.yaml:10:26: expected a range or a list, found a mapping
a.yaml:11:13: "i-1" cannot name a variable: letters, digits and _ can
a.yaml:12:16: 1-10001 are 10001 values, and for takes 10000 at most
a.yaml:13:12: these variables have more than 10000 combinations
a.yaml:14:7: unknown key "foreach"
`},
	} {
		_, errs := Compile(toys, files(test.text))
		if d := cmp.Diff(strings.TrimPrefix(test.want, "\n"), errs.Error()+"\n"); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, d)
		}
	}
}

// A few lines with for stand for no more than a file of the allowed size could say, however many such lines there are.
func TestForIsBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("links:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  c%d-{i}: {for: {i: 1-10000}, needs: [%s\"{i}\"]}\n", i, strings.Repeat("x, ", 200))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, errs := Compile(toys, files(text.String()))
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 100*maxTotalSize {
		t.Errorf("%d MiB were allocated", spent>>20)
	}
	if len(errs) != 1000 || !strings.HasPrefix(errs[0].Message, "with this for, the files have more than") {
		t.Errorf("%d errors, the first %.200v", len(errs), errs[0])
	}
}

// What stands for many may stand for many containers.
func TestForWithLabels(t *testing.T) {
	text := `
namespaces:
  rack{r}: {for: {r: 1-2}, from: "docker:label=rack={r}"}
links:
  up{r}-{name}: {for: {r: 1-2}, netns: "rack{r}", name: eth0, colour: "{r}"}
`
	lang := toys
	lang.Instances = func(s Selector) ([]Instance, error) {
		rack := strings.TrimPrefix(s.Value, "label=rack=")
		name := "box" + rack
		return []Instance{{Name: name, ID: name, Selector: Selector{Scheme: "docker", Value: name}}}, nil
	}
	desired, errs := Compile(lang, files(text))
	if d := cmp.Diff(`box1 = docker:box1 at a.yaml:3
box2 = docker:box2 at a.yaml:3
box1/colour/eth0 at a.yaml:5
box1/link/eth0 at a.yaml:5
box2/colour/eth0 at a.yaml:5
box2/link/eth0 at a.yaml:5
`, say(desired)+errs.Error()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
