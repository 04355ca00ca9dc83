package iptables

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"linkd/pkg/kind/conform"
)

// nasty has words with which an attacker might make a rule do more than be in its chain.
var nasty = []string{
	"-A", "-D", "-F", "-X", "-P", "-I", "-R", "-N", "-E", "-Z", "-t", "-h", "-V", "-c", "-6", "--append", "--flush", "--table", "--tab",
	"--set-counters", "--set", "--pol", "--help", "--modprobe", "FORWARD", "INPUT", "nat", "DROP", "ACCEPT", "1", "0", "!", "#", "*filter",
	"COMMIT", ":X", "-", "--", "it's", "a b", "a  b", " ", "\t", "\n", "a\nCOMMIT", "\"", "\\", "a\"b", "a\\", "''", "$(x)", "`x`", ";", "é",
	"-j", "-g", "-m", "-p", "-s", "-d", "-i", "-o", "-f", "tcp", "udp", "comment", "--comment", "LOG", "--log-prefix", "--dport", "22",
	"10.0.0.0/8", "10.0.0.1,10.0.0.2", "localhost", "eth0", "linkd:x", "LINKD-INPUT", "--src-type", "addrtype", "LOCAL", "recent", "limit",
}

// Accepted words of a rule only add that one rule, whatever the programs make of them.
func TestNoRuleLeavesItsChain(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("iptables -N THEIRS; iptables -A THEIRS -j RETURN; iptables -A FORWARD -s 192.0.2.1 -j THEIRS; iptables -P FORWARD DROP; iptables -t nat -A OUTPUT -j RETURN")
		k, ns := kind{ipv4}, l.open()
		theirs := func() string {
			return l.sh("iptables-save | grep -v -e '^#' -e LINKD-")
		}
		before, taken := theirs(), 0
		chain := &Chain{NS: "lab", Family: "iptables", Table: "filter", Name: "LINKD-INPUT"}
		for range 100 {
			args := make([]argument, 1+rand.IntN(7))
			text := make([]string, len(args))
			bad := false
			for i := range args {
				text[i] = nasty[rand.IntN(len(nasty))]
				args[i] = argument{text: text[i]}
				bad = bad || checkWord(text[i]) != nil
			}
			for i := range text[1:] {
				bad = bad || checkValue(ipv4, text[i], text[i+1]) != nil
			}
			if bad {
				continue
			}
			taken++
			r := newRule("lab/iptables/rules", text...)
			r.Verbatim = true
			want := *chain
			want.Rules, want.siblings = []Rule{r}, []*Chain{&want}
			if k.Update(l.Context(), ns, &want, nil) == nil {
				if have := found(l, k, ns, &want); len(want.diff(have)) > 0 {
					t.Fatalf("%q is %v", text, have.Rules)
				}
			}
		}
		l.is(theirs(), before)
		if taken < 3 {
			t.Errorf("only %d were taken", taken)
		}
	})
}

// iptables-restore reads quoted words unchanged, and linkd finds them again.
func TestWordsByTheRealPrograms(t *testing.T) {
	onEachBackend(t, func(l lab) {
		const letters = "ab #'!-:$()é*;|&<>"
		var rules []string
		for range 200 {
			var word strings.Builder
			word.WriteByte('x')
			for range rand.IntN(12) {
				word.WriteString(string([]rune(letters)[rand.IntN(len([]rune(letters)))]))
			}
			rules = append(rules, word.String())
		}
		chain := &Chain{NS: "lab", Family: "iptables", Table: "filter", Name: "LINKD-INPUT"}
		for _, word := range rules {
			chain.Rules = append(chain.Rules, newRule("x", "-m", "comment", "--comment", word, "-j", "LOG", "--log-prefix", word))
		}
		chain.siblings = []*Chain{chain}
		ns := l.open()
		conform.Must(l, kind{ipv4}.Update(l.Context(), ns, chain, nil))
		if fields := chain.diff(found(l, kind{ipv4}, ns, chain)); len(fields) > 0 {
			l.Error(fields)
		}
	})
}

// For any words, a rule is one line, and linkd reads its words as it wrote them.
func FuzzRule(f *testing.F) {
	for _, word := range nasty {
		f.Add(word + "\x00-j\x00ACCEPT")
	}
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\x00")
		for _, word := range args {
			if checkWord(word) != nil {
				return
			}
		}
		r := newRule("lab/iptables/rules", args...)
		lines, err := words("[0:0] -A LINKD-INPUT " + r.String() + "\n")
		if err != nil || len(lines) != 1 {
			t.Fatalf("%q is written as %q, and read as %q, %v", args, r, lines, err)
		}
		have := foundRule(lines[0][0], lines[0][3:])
		if have.Mark != r.Mark || !slices.Equal(have.Args, slices.Collect(asPrinted(args))) {
			t.Fatalf("%q is written as %q, and found as %+v", args, r, have)
		}
	})
}

// asPrinted returns words with addresses and protocols as linkd writes them.
func asPrinted(args []string) func(yield func(string) bool) {
	return slices.Values(foundRule("", args).Args)
}
