package iptables

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWords(t *testing.T) {
	for text, want := range map[string][][]string{
		"# it's a \" in a comment\n*nat\n\n:X - [0:0]\n":  {{"*nat"}, {":X", "-", "[0:0]"}},
		`-A X --comment "a \"b\" \'c\' \\d" -j Y`:         {{"-A", "X", "--comment", `a "b" 'c' \d`, "-j", "Y"}},
		`-A X --comment ""`:                               {{"-A", "X", "--comment", ""}},
		"-A X --comment \"two\n-A LINKD-X\" -j Y\nCOMMIT": {{"-A", "X", "--comment", "two\n-A LINKD-X", "-j", "Y"}, {"COMMIT"}},
		`-o a#b -m comment --comment #1`:                  {{"-o", "a#b", "-m", "comment", "--comment", "#1"}},
		"# without an end":                                nil,
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

// What String writes, words reads.
func TestQuoteRoundTrip(t *testing.T) {
	const letters = "ab \t\"'\\#!-:\n"
	for range 2000 {
		rule := make(Rule, 1+rand.IntN(4))
		for i := range rule {
			for range rand.IntN(6) {
				rule[i] += string(letters[rand.IntN(len(letters))])
			}
		}
		have, err := words(rule.String())
		if err != nil || len(have) != 1 || !slices.Equal(have[0], rule) {
			t.Fatalf("%q became %q by %q, %v", []string(rule), have, rule.String(), err)
		}
	}
}

func TestChainDiff(t *testing.T) {
	a, b, c := newRule([]string{"-o", "a"}, "-j", "MASQUERADE"), newRule([]string{"-o", "b"}, "-j", "MASQUERADE"), Rule{"-j", "ACCEPT"}
	const showA, showB = "-o a -m comment --comment linkd:a8eca8fdc81d -j MASQUERADE", "-o b -m comment --comment linkd:691e7d022827 -j MASQUERADE"
	want := &Chain{Rules: []Rule{a, b}}
	for name, test := range map[string]struct {
		have Chain
		want []string
	}{
		"as wanted":   {Chain{Rules: []Rule{a, b}, Jumps: 1}, nil},
		"no jump":     {Chain{Rules: []Rule{a, b}}, []string{"jump: absent -> present"}},
		"two jumps":   {Chain{Rules: []Rule{a, b}, Jumps: 2}, []string{"jump: twice -> present"}},
		"three jumps": {Chain{Rules: []Rule{a, b}, Jumps: 3}, []string{"jump: 3 times -> present"}},
		"flushed":     {Chain{Jumps: 1}, []string{"rule 1: (none) -> " + showA, "rule 2: (none) -> " + showB}},
		"reordered":   {Chain{Rules: []Rule{b, a}, Jumps: 1}, []string{"rule 1: " + showB + " -> " + showA, "rule 2: " + showA + " -> " + showB}},
		"foreign":     {Chain{Rules: []Rule{a, b, c}, Jumps: 1}, []string{"rule 3: -j ACCEPT -> (none)"}},
		"altered": {Chain{Rules: []Rule{append(Rule{"-s", "10.0.0.0/8"}, a...), b}, Jumps: 1},
			[]string{"rule 1: -s 10.0.0.0/8 " + showA + " -> " + showA}},
	} {
		t.Run(name, func(t *testing.T) {
			var have []string
			for _, f := range want.diff(&test.have) {
				have = append(have, f.String())
			}
			if diff := cmp.Diff(test.want, have); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScript(t *testing.T) {
	a, b := newRule([]string{"-o", "a"}, "-j", "MASQUERADE"), newRule([]string{"-o", "b"}, "-j", "MASQUERADE")
	want := &Chain{Table: "nat", Name: "LINKD-POSTROUTING", Rules: []Rule{a, a, b}}
	for name, test := range map[string]struct{ have, want string }{
		"empty": {"", `*nat
:LINKD-POSTROUTING - [0:0]
[0:0] -A LINKD-POSTROUTING -o a -m comment --comment linkd:a8eca8fdc81d -j MASQUERADE
[0:0] -A LINKD-POSTROUTING -o a -m comment --comment linkd:a8eca8fdc81d -j MASQUERADE
[0:0] -A LINKD-POSTROUTING -o b -m comment --comment linkd:691e7d022827 -j MASQUERADE
-A POSTROUTING -m comment --comment linkd:8db2d75f206a -j LINKD-POSTROUTING
COMMIT
`},
		"two jumps, and counters of what stays": {`*nat
:POSTROUTING ACCEPT [0:0]
:LINKD-POSTROUTING - [0:0]
[0:0] -A POSTROUTING -m comment --comment "linkd:8db2d75f206a" -j LINKD-POSTROUTING
[0:0] -A POSTROUTING -j LINKD-POSTROUTING
[0:0] -A POSTROUTING -m comment --comment "linkd:8db2d75f206a" -j LINKD-POSTROUTING
[5:300] -A LINKD-POSTROUTING -o b -m comment --comment "linkd:691e7d022827" -j MASQUERADE
[7:420] -A LINKD-POSTROUTING -o a -m comment --comment "linkd:a8eca8fdc81d" -j MASQUERADE
COMMIT
`, `*nat
:LINKD-POSTROUTING - [0:0]
[7:420] -A LINKD-POSTROUTING -o a -m comment --comment linkd:a8eca8fdc81d -j MASQUERADE
[0:0] -A LINKD-POSTROUTING -o a -m comment --comment linkd:a8eca8fdc81d -j MASQUERADE
[5:300] -A LINKD-POSTROUTING -o b -m comment --comment linkd:691e7d022827 -j MASQUERADE
-D POSTROUTING -m comment --comment linkd:8db2d75f206a -j LINKD-POSTROUTING
COMMIT
`},
	} {
		t.Run(name, func(t *testing.T) {
			have, err := parseTable("nat", test.have)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, have.script(want)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
