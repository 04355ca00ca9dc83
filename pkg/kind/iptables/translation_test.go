package iptables

import (
	"net/netip"
	"strings"
	"testing"
)

func TestLeadsElsewhere(t *testing.T) {
	const (
		toA     = "-p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.1:53"
		toB     = "-p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2"
		onOne   = "-d 198.51.100.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination 172.17.1.1:53"
		ports   = "-p udp -m udp --dport 50:60 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2"
		onLocal = "! -d 127.0.0.0/8 -p udp -m udp --dport 53 -m addrtype --dst-type LOCAL -j DNAT --to-destination 172.17.1.2:53"
		balance = "-p udp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 172.17.1.2:53"
		several = "-p udp --dport 53 -j DNAT --to-destination 172.17.1.1-172.17.1.9"
		spared  = "-s 198.51.100.2/32 -j ACCEPT"
		logged  = "-p udp -j LOG"
	)
	host, a, b := "198.51.100.1:53", "172.17.1.1:53", "172.17.1.2:53"
	local := func(ip netip.Addr) bool { return ip == netip.MustParseAddr("198.51.100.1") || ip.IsLoopback() }
	for name, test := range map[string]struct {
		before, after string
		answers       string
		from, to      string
		want          bool
	}{
		"a new entry, and the host has answered":       {after: toA, answers: host, want: true},
		"a new entry, and it leads there already":      {after: toA, answers: a},
		"a new entry, and somebody else sends it away": {after: toA, answers: "172.17.9.9:53"},
		"another target": {before: toA, after: toB, answers: a, want: true},
		"another target, and the host has answered":     {before: toA, after: toB, answers: host},
		"another target, and it leads there already":    {before: toA, after: toB, answers: b},
		"no entry any more":                             {before: toA, answers: a, want: true},
		"no entry any more, and the host has answered":  {before: toA, answers: host},
		"no entry any more, of others' target":          {before: toA, answers: b},
		"an entry in front of another":                  {before: toB, after: onOne + "\n" + toB, answers: b, want: true},
		"an entry in front that is for another address": {before: toB, after: onOne + "\n" + toB, answers: b, to: "127.0.0.1:53"},
		"ports instead of one":                          {before: toA, after: ports, answers: a, want: true},
		"another port":                                  {before: toA, after: toB, answers: "198.51.100.1:54", to: "198.51.100.1:54"},
		"what goes through":                             {after: toA, answers: "203.0.113.1:53", to: "203.0.113.1:53"},
		"from the host itself":                          {after: onLocal, answers: host, from: "198.51.100.1:4000", want: true},
		"to the loopback":                               {after: onLocal, answers: "127.0.0.1:53", from: "127.0.0.1:4000", to: "127.0.0.1:53"},
		"a rule that may be for it":                     {before: toA, after: balance + "\n" + toA, answers: a},
		"a rule that may be for it goes":                {before: balance, after: toA, answers: b, want: true},
		"a rule that nobody can follow":                 {before: several, after: toA, answers: a},
		"a rule that spares a source":                   {before: toA, after: spared + "\n" + toA, answers: a, want: true},
		"a rule that spares a source of one spared":     {before: spared + "\n" + toA, after: spared + "\n" + toB, answers: host},
		"a rule that only logs":                         {before: toA, after: logged + "\n" + toB, answers: a, want: true},
		"the words of a user":                           {before: "--protocol udp --destination-port 53 --jump DNAT --to-destination 172.17.1.1:53", answers: a, want: true},
		"a rule for one interface goes":                 {before: "-i eth0 -p udp --dport 53 -j DNAT --to-destination 172.17.1.1:53", answers: a, want: true},
		"a rule for one interface comes":                {after: "-i eth0 -p udp --dport 53 -j DNAT --to-destination 172.17.1.1:53", answers: host},
	} {
		r := &retarget{before: map[string][]Rule{}, after: map[string][]Rule{}, local: local}
		for _, hook := range translators {
			r.before[hook], r.after[hook] = rulesOf(test.before), rulesOf(test.after)
		}
		f := flow{protocol: 17, from: addrPort(test.from, "198.51.100.2:4000"), to: addrPort(test.to, host), answers: netip.MustParseAddrPort(test.answers)}
		if got := r.leadsElsewhere(f); got != test.want {
			t.Errorf("%s: leads elsewhere: %v", name, got)
		}
	}
}

// An answer that is on its way when linkd deletes the entry creates an entry that begins at the other end.
func TestReversed(t *testing.T) {
	host, client := netip.MustParseAddrPort("198.51.100.1:53"), netip.MustParseAddrPort("198.51.100.2:4000")
	asked := flow{protocol: 17, from: client, to: host, answers: host}
	answered := flow{protocol: 17, from: host, to: client, answers: client}
	if answered.reversed() != asked || asked.reversed() != answered {
		t.Errorf("have %v and %v", answered.reversed(), asked.reversed())
	}
}

func addrPort(text, otherwise string) netip.AddrPort {
	if text == "" {
		text = otherwise
	}
	return netip.MustParseAddrPort(text)
}

func rulesOf(text string) (rules []Rule) {
	for line := range strings.Lines(text) {
		rules = append(rules, newRule("test", strings.Fields(line)...))
	}
	return rules
}
