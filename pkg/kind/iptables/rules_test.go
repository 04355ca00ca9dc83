package iptables

import (
	"slices"
	"strings"
	"testing"

	"linkd/pkg/kind/conform"
)

func TestRules(t *testing.T) {
	examples{
		"rules": {`
namespaces:
  host:
    iptables:
      rules:
        - {chain: INPUT, args: [-p, tcp, --dport, 22, -m, comment, --comment, it's mine, -j, ACCEPT]}
        - {chain: INPUT, args: ["!", -i, lo, -m, recent, --set]}
        - {table: raw, chain: PREROUTING, args: [--source, 10.0.0.0/255.0.0.0, --jump, NOTRACK]}
    ip6tables:
      rules: [{table: security, chain: OUTPUT, args: [-d, "fd00::/8", -m, policy, --pol, none, --dir, out]}]
`, `host/ip6tables/security/LINKD-OUTPUT
  rules: -d fd00::/8 -m policy --pol none --dir out
host/iptables/filter/LINKD-INPUT
  rules: -p tcp --dport 22 -m comment --comment "it\'s mine" -j ACCEPT
  rules: ! -i lo -m recent --set
host/iptables/raw/LINKD-PREROUTING
  rules: --source 10.0.0.0/255.0.0.0 --jump NOTRACK
`},
		"what is no rule": {`
namespaces:
  host:
    iptables:
      rules:
        - {table: broute, chain: INPUT, args: [-j, DROP]}
        - {chain: INPT, args: [-j, DROP]}
        - {chain: DOCKER-USER, args: [-j, DROP]}
        - {chain: INPUT, args: -j DROP}
        - {args: [-j, DROP]}
        - {chain: INPUT}
        - {chain: INPUT, args: [-j, DROP, [x]]}
        - {chain: INPUT, args: ["", -i, lo]}
        - {chain: INPUT, args: [-A, FORWARD, -AFORWARD, --append, --app, --append=X]}
        - {chain: INPUT, args: [-t, nat, --table=nat, -c, "1", -h, --help, --he, -6, -w, -M, --modprobe]}
        - {chain: INPUT, args: [--jump=DROP, --log-prefix=x]}
        - {chain: INPUT, args: ["-jDROP", -, --, --sour, 10.0.0.1]}
        - {chain: INPUT, args: [-j, "DROP\n-A FORWARD -j DROP"]}
        - {chain: INPUT, args: ["DR\x7fP", "a\"b", 'a\b']}
        - {chain: INPUT, args: [-m, comment, --comment, "linkd:mine"]}
`, `a.yaml:6:19: table "broute" is not one of filter, nat, mangle, raw, security
a.yaml:7:19: chain "INPT" is not one of PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING; did you mean "INPUT"?
a.yaml:8:19: write FORWARD: where Docker has made DOCKER-USER, linkd's rules for FORWARD are reached from there
a.yaml:9:32: expected a list, found "-j DROP"; a list item begins with "- "
a.yaml:10:11: "chain" is missing
a.yaml:11:11: "args" is missing
a.yaml:12:43: expected a word, found a list
a.yaml:13:33: an argument is empty; an exclamation mark stands in quotes: "!"
a.yaml:14:33: -A is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:14:46: -AFORWARD is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:14:57: --append is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:14:67: --append is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:14:74: --append is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:33: -t is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:42: --table is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:55: -c is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:64: -h is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:68: --help is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:76: --help is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:82: -6 is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:86: -w is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:90: -M is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:15:94: --modprobe is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:16:33: --jump=DROP: write an option and its value as two words
a.yaml:17:33: -jDROP: write an option and its value as two words, -j and DROP
a.yaml:17:43: - is no part of a rule: linkd says which table and chain, and counts itself
a.yaml:17:46: -- is no option
a.yaml:17:50: write --sour in full: --source
a.yaml:18:37: argument "DROP\n-A FORWARD -j DROP": iptables-restore reads lines, so no control character can be in a rule
a.yaml:19:33: argument "DR\x7fP": iptables-restore reads lines, so no control character can be in a rule
a.yaml:19:44: argument "a\"b": what holds a " or a \ cannot be read back from iptables-save for sure
a.yaml:19:52: argument "a\\b": what holds a " or a \ cannot be read back from iptables-save for sure
a.yaml:20:57: "linkd:mine" begins like linkd's own mark
`},
		"rules that make no sense": {`
namespaces:
  host:
    iptables:
      rules:
        - {chain: INPUT, args: []}
        - {table: nat, chain: FORWARD, args: [-j, DROP]}
        - {chain: INPUT, args: [-s, example.com, -d, "10.0.0.1,10.0.0.2", --src, "fd00::1", --dst, 10.0.0.0/33]}
        - {chain: INPUT, args: [-i, "a b", -m, ../../tmp/x, -j, "X -j Y", --match, /x]}
        - {chain: INPUT, args: [-p, tcp, -j]}
`, `a.yaml:6:11: a rule of no words would match everything and do nothing
a.yaml:7:31: the table nat has no chain FORWARD; it has PREROUTING, INPUT, OUTPUT, POSTROUTING
a.yaml:8:37: "example.com" is no address or network such as 172.17.0.0/16
a.yaml:8:54: 10.0.0.1,10.0.0.2: iptables makes a rule of each in a list: write a rule for each
a.yaml:8:82: fd00::1 is not of the address family of iptables
a.yaml:8:100: "10.0.0.0/33" is no address or network such as 172.17.0.0/16
a.yaml:9:37: interface name "a b": ' ' is not allowed
a.yaml:9:48: "../../tmp/x" is no name of an extension or a chain
a.yaml:9:65: "X -j Y" is no name of an extension or a chain
a.yaml:9:84: "/x" is no name of an extension or a chain
a.yaml:10:42: -j is without its value
`},
	}.run(t)
}

// A word of a rule that stands for two, or for half of one, is an error that says how to write it.
func TestWordsOfRules(t *testing.T) {
	for args, want := range map[string]string{
		`["-j DROP"]`:                                          `62: "-j DROP": an option and its value are arguments of their own: [-j, DROP]`,
		`[-p, tcp, "--dport 22", -j, DROP]`:                    `71: "--dport 22": an option and its value are arguments of their own: [--dport, "22"]`,
		`["! -p", tcp, -j, DROP]`:                              `62: "! -p": an option and its value are arguments of their own: ["!", -p]`,
		`[-p, tcp udp, -j, DROP]`:                              `66: "tcp udp": a value of -p has no blanks; each word is an argument of its own: [tcp, udp]`,
		`[-m, state, --state, "NEW, ESTABLISHED", -j, ACCEPT]`: `82: "NEW, ESTABLISHED": a list has no blanks: write NEW,ESTABLISHED`,
		`[-p, tcp, --dport, "22 ", -j, DROP]`:                  `80: "22 " has a blank at its start or end, which would be a part of it`,
		`[tcp, -j, DROP]`:                                      `62: a rule begins with an option, and "tcp" is none`,
		`[-j, DROP, "# my rule"]`:                              `72: "# my rule": each word is an argument of its own: ["#", my, rule]`,
		`["–j", DROP]`:                                         `62: "–j" begins with a dash that iptables does not know as one: write -`,
		`[-p, -j, DROP]`:                                       `66: -p is without its value`,
		`[-m, comment, --comment, a rule of mine, -j, DROP]`:   ``,
		`["!", -i, lo, -m, string, --string, " GET ", --algo, bm, -j, DROP]`: ``,
		`[-f, -j, DROP]`: ``,
	} {
		if want != "" {
			want = "a.yaml:1:" + want
		}
		_, errs := conform.Compile(language, "namespaces: {host: {iptables: {rules: [{chain: INPUT, args: "+args+"}]}}}")
		if errs != want {
			t.Errorf("%s: have %s, want %s", args, errs, want)
		}
	}
}

// iptables-restore would take a rule that exceeds its buffer for two.
func TestLongRules(t *testing.T) {
	for name, args := range map[string][]string{
		"a.yaml:1:62: an argument has 1024 bytes; iptables-restore takes 1023": {strings.Repeat("x", 1024)},
		"a.yaml:1:40: the rule has 10301 bytes; iptables-restore takes 9216":   slices.Repeat([]string{"--" + strings.Repeat("x", 1021)}, 10),
		"a.yaml:1:40: the rule has 241 words; iptables-restore takes 240":      slices.Repeat([]string{"--x"}, 241),
	} {
		_, errs := conform.Compile(language, "namespaces: {host: {iptables: {rules: [{chain: INPUT, args: ["+strings.Join(args, ", ")+"]}]}}}")
		if errs != name {
			t.Errorf("have %s, want %s", errs, name)
		}
	}
}
