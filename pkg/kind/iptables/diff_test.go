package iptables

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
)

// letters makes a rule of each letter: small ones are linkd's, and capital ones are not.
func letters(text string) (rules []Rule) {
	for _, c := range text {
		r := newRule("x", "-o", string(c), "-j", "ACCEPT")
		if strings.ToUpper(string(c)) == string(c) {
			r.Mark = ""
		}
		rules = append(rules, r)
	}
	return rules
}

func TestPair(t *testing.T) {
	for _, test := range []struct{ want, have, stays string }{
		{"abc", "abc", "abc"},
		{"abc", "", ""},
		{"", "abc", ""},
		{"abc", "ac", "ac"},
		{"ac", "abc", "ac"},
		{"abc", "AaBbCc", "abc"},
		{"abcd", "bcda", "bcd"},
		{"abcd", "dabc", "abc"},
		{"ab", "ba", "b"},
		{"abxcd", "abycd", "abcd"},
		{"aab", "aba", "ab"},
		{"aaa", "aa", "aa"},
		{"edcba", "abcde", "a"},
		{"aXb", "aXb", "ab"},
	} {
		stays, last := "", -1
		for i, at := range pair(letters(test.want), letters(test.have)) {
			switch {
			case at < 0:
				continue
			case at <= last || test.have[at] != test.want[i]:
				t.Errorf("%q of %q: rule %d at %d after %d", test.want, test.have, i, at, last)
			}
			last = at
			stays += test.want[i : i+1]
		}
		if stays != test.stays {
			t.Errorf("of %q, where %q is wanted, stays %q; want %q", test.have, test.want, stays, test.stays)
		}
	}
}

func TestChainDiff(t *testing.T) {
	for _, test := range []struct{ want, have, diff string }{
		{"abc", "abc", ""},
		{"ab", "", "rule 1: (none) -> -o a -j ACCEPT, rule 2: (none) -> -o b -j ACCEPT"},
		{"abc", "ac", "rule 2: (none) -> -o b -j ACCEPT"},
		{"ab", "abX", "rule 3: -o X -j ACCEPT -> (none)"},
		{"axb", "ayb", "rule 2: -o y -j ACCEPT -> -o x -j ACCEPT"},
		{"axyb", "azb", "rule 2: -o z -j ACCEPT -> -o x -j ACCEPT, rule 3: (none) -> -o y -j ACCEPT"},
		{"abc", "bca", "rule 1: (none) -> -o a -j ACCEPT, rule 3: -o a -j ACCEPT -> (none)"},
	} {
		var fields []string
		for _, f := range (&Chain{Rules: letters(test.want)}).diff(&Chain{Rules: letters(test.have)}) {
			fields = append(fields, f.String())
		}
		if diff := cmp.Diff(test.diff, strings.Join(fields, ", ")); diff != "" {
			t.Errorf("%q for %q: %s", test.have, test.want, diff)
		}
	}
}

// From any rules to any others: the programs turn one into the other, and rules that stay keep their counters.
func TestEditsByTheRealPrograms(t *testing.T) {
	onEachBackend(t, func(l lab) {
		for _, f := range []family{ipv4, ipv6} {
			const names = "abcdefghijklmnopABCDEF"
			ns := l.open()
			have := ""
			for range 12 {
				want := have
				for range rand.IntN(6) {
					at := rand.IntN(len(want) + 1)
					switch rand.IntN(3) {
					case 0:
						want = want[:at] + string(names[rand.IntN(16)]) + want[at:]
					case 1:
						want = want[:at]
					case 2:
						want = want[at:] + want[:at]
					}
				}
				chain := &Chain{NS: "lab", Family: f.name, Table: "mangle", Name: "LINKD-FORWARD", Rules: letters(want)}
				chain.siblings = []*Chain{chain}
				k := kind{f}
				before := found(l, k, ns, chain)
				conform.Must(l, k.Update(l.Context(), ns, chain, nil))
				after := found(l, k, ns, chain)
				if len(chain.diff(after)) > 0 {
					l.Fatalf("from %q to %q: %v", have, want, chain.diff(after))
				}
				for i, at := range alike(chain.Rules, before.Rules) {
					// ip6tables 1.8.9 with the nft backend cannot set counters, so only rules that stay in place keep them.
					if at >= 0 && (pair(chain.Rules, before.Rules)[i] >= 0 || !(f == ipv6 && l.backend == "nft")) && after.Rules[i].Counters != before.Rules[at].Counters {
						l.Fatalf("from %q to %q: rule %d has counted %s, and %s before", have, want, i+1, after.Rules[i].Counters, before.Rules[at].Counters)
					}
				}
				have = want
				// Another program inserts a rule.
				if at := rand.IntN(len(have) + 1); rand.IntN(3) == 0 {
					foreign := string(names[16+rand.IntN(6)])
					l.sh(fmt.Sprintf("%s -t mangle -I LINKD-FORWARD %d -o %s -j ACCEPT -c %d %d", f.name, at+1, foreign, rand.IntN(99), rand.IntN(99)))
				}
			}
		}
	})
}

func found(l lab, k kind, ns *observe.NS, chain *Chain) *Chain {
	l.Helper()
	resources, err := k.observeWanted(l.Context(), ns, []Resource{chain})
	conform.Must(l, err)
	for _, r := range resources {
		if r.ID() == chain.ID() {
			return r.(*Chain)
		}
	}
	return &Chain{}
}

// For hundreds of rules, linkd runs iptables-restore once for each table, and once more for changed translations. One more rule is
// one more line.
func TestHundredsOfRules(t *testing.T) {
	onEachBackend(t, func(l lab) {
		l.sh("echo 1 >/proc/sys/net/ipv4/ip_forward")
		entries := func(skip int) string {
			var forward, publish, rules []string
			for i := range 100 {
				if i != skip {
					forward = append(forward, fmt.Sprintf("{source: 10.0.%d.0/24, action: DROP}", i))
				}
				publish = append(publish, fmt.Sprintf("{port: %d, to: 172.17.1.2}", 1000+i))
				rules = append(rules, fmt.Sprintf("{chain: INPUT, args: [-p, tcp, --dport, %d, -j, ACCEPT]}", i+1))
			}
			return fmt.Sprintf("iptables: {forward: [%s], publish: [%s], rules: [%s]}", strings.Join(forward, ", "), strings.Join(publish, ", "), strings.Join(rules, ", "))
		}
		runs := l.counted()
		l.wants(entries(50))
		// The third run deletes the chains with the earlier rules.
		if restores := strings.Count(runs(), "iptables-restore"); restores != 3 {
			l.Errorf("%d runs of iptables-restore for two tables", restores)
		}
		// Every rule gets different counters.
		l.sh("iptables-save -c | awk '/^\\[/ { n++; sub(/^\\[0:0\\]/, \"[\" n \":\" n*100 \"]\") } 1' | iptables-restore -c")
		runs()
		before := counters(l)
		if did := l.wants(entries(-1)); did != "~ lab/iptables/filter/LINKD-FORWARD  (rule 51: (none) -> -s 10.0.50.0/24 -j DROP)\n" {
			l.Error(did)
		}
		if have := runs(); strings.Count(have, "iptables-restore") != 1 {
			l.Errorf("ran %s", have)
		}
		after := counters(l)
		added := slices.IndexFunc(after, func(line string) bool { return strings.Contains(line, "-s 10.0.50.0/24 ") })
		if added < 0 || !strings.HasPrefix(after[added], "[0:0] ") {
			l.Fatalf("the new rule is at %d", added)
		}
		if diff := cmp.Diff(before, slices.Delete(after, added, added+1)); diff != "" {
			l.Error(diff)
		}
	})
}

func counters(l lab) []string {
	return strings.Split(l.sh("iptables-save -c -t filter | grep '^\\['; iptables-save -c -t nat | grep '^\\['"), "\n")
}
