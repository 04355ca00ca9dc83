package rule

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

var language = conform.Language([]spec.Key{Key()}, nil)

func inLab(list string) string { return "namespaces:\n  lab:\n    rules:\n" + list }

func net(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func TestRuleInYAML(t *testing.T) {
	for _, test := range []struct {
		text, id string
		want     Rule
	}{
		{"{priority: 100, table: 100}", "100 from all", Rule{Priority: 100, Table: 100}},
		{"{priority: 0, family: inet6, table: main, action: lookup}", "0 from all inet6", Rule{Inet6: true, Table: 254}},
		{"{priority: 7, from: 10.0.0.1, to: all, table: 70000}", "7 from 10.0.0.1/32", Rule{Priority: 7, From: net("10.0.0.1/32"), Table: 70000}},
		{"{priority: 7, to: 'fd00::/64', table: 5}", "7 from all to fd00::/64", Rule{Priority: 7, Inet6: true, To: net("fd00::/64"), Table: 5}},
		{"{priority: 7, to: '::/0', table: 5}", "7 from all inet6", Rule{Priority: 7, Inet6: true, Table: 5}},
		{"{priority: 4294967295, iif: eth0, oif: lo, fwmark: 16, action: blackhole}", "4294967295 from all fwmark 0x10 iif eth0 oif lo",
			Rule{Priority: 1<<32 - 1, IIF: "eth0", OIF: "lo", Mark: Mark{16, 1<<32 - 1}, Action: unix.FR_ACT_BLACKHOLE}},
		{"{priority: 8, from: 10.0.0.0/8, to: 10.1.0.0/16, fwmark: 0x10/0xf0, action: prohibit, family: inet}",
			"8 from 10.0.0.0/8 to 10.1.0.0/16 fwmark 0x10/0xf0",
			Rule{Priority: 8, From: net("10.0.0.0/8"), To: net("10.1.0.0/16"), Mark: Mark{0x10, 0xf0}, Action: unix.FR_ACT_PROHIBIT}},
		{"{priority: 8, fwmark: 0x30/0x10, table: 7}", "8 from all fwmark 0x30/0x10", Rule{Priority: 8, Mark: Mark{0x30, 0x10}, Action: unix.FR_ACT_TO_TBL, Table: 7}},
		{"{priority: 8, fwmark: 0/1, action: unreachable}", "8 from all fwmark 0x0/0x1", Rule{Priority: 8, Mark: Mark{0, 1}, Action: unix.FR_ACT_UNREACHABLE}},
		{"{priority: 8, not: true, tos: 0x10, ipproto: tcp, sport: 1-2, dport: 80, uidrange: 0, table: 7, suppress_prefixlength: 0}",
			"8 not from all tos 0x10 ipproto tcp sport 1-2 dport 80 uidrange 0-0",
			Rule{Priority: 8, Not: true, Conditions: Conditions{TOS: 16, IPProto: 6, SPort: Ports{1, 2}, DPort: Ports{80, 80}, UIDs: UIDs{true, 0, 0}},
				Table: 7, Suppress: Limit{true, 0}}},
		{"{priority: 8, ipproto: 112, tos: 252, family: inet6, goto: 9}", "8 from all tos 0xfc ipproto 112 inet6",
			Rule{Priority: 8, Inet6: true, Conditions: Conditions{TOS: 252, IPProto: 112}, Action: unix.FR_ACT_GOTO, Goto: 9}},
	} {
		want := test.want
		want.NS = "lab"
		if want.Action == 0 {
			want.Action = unix.FR_ACT_TO_TBL
		}
		got := conform.Read(t, language, inLab("    - "+test.text))
		if d := conform.Differences([]spec.Resource{&want}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, d)
		}
		if id := got[0].ID().Key; id != test.id {
			t.Errorf("%s has the key %q, want %q", test.text, id, test.id)
		}
	}
}

func TestRuleErrors(t *testing.T) {
	_, errs := conform.Compile(language, inLab(`    - {table: 100}
    - {priority: 5}
    - {priority: 5, table: 5, action: blackhole}
    - {priority: 5, action: lookup}
    - {priority: 5, action: blakhole}
    - {priority: 5, action: goto}
    - {priority: 4294967296, table: 5}
    - {priority: 5, from: 10.0.0.5/24, table: 5}
    - {priority: 5, from: any, table: 5}
    - {priority: 5, from: 10.0.0.0/24, to: 'fd00::/64', table: 5}
    - {priority: 5, from: 10.0.0.0/24, family: inet6, table: 5}
    - {priority: 5, family: ipv4, table: 5}
    - {priority: 5, iif: eth0/1, table: 5}
    - {priority: 5, fwmark: 0, table: 5}
    - {priority: 5, fwmark: 1/0, table: 5}
    - {priority: 5, fwmark: 1/2/3, table: 5}
    - {priority: 5, fwmark: 010, table: 5}
    - {priority: 5, fwmark: 0x1ffffffff, table: 5}
    - {priority: 5, fwmark: 1/, table: 5}
    - {priority: 5, tabel: 5}
    - {priority: 5, table: 0}
    - {priority: 5, table: 5, tos: 3}
    - {priority: 5, table: 5, tos: 0x100}
    - {priority: 5, table: 5, ipproto: tpc}
    - {priority: 5, table: 5, sport: 0-5}
    - {priority: 5, table: 5, dport: 9-8}
    - {priority: 5, table: 5, dport: 65535}
    - {priority: 5, table: 5, uidrange: root}
    - {priority: 5, goto: 5}
    - {priority: 5, goto: 6, table: 7}
    - {priority: 5, goto: 6, action: prohibit}
    - {priority: 5, action: prohibit, suppress_prefixlength: 0}
    - {priority: 5, table: 5, suppress_prefixlength: 33}
    - {priority: 5, table: 5, suppress_prefixlength: 129}
`))
	want := `
a.yaml:4:7: "priority" is missing
a.yaml:5:7: table or action is missing
a.yaml:6:7: blackhole looks in no table: leave out table or action
a.yaml:7:7: table or action is missing
a.yaml:8:29: action "blakhole" is not one of lookup, goto, blackhole, unreachable, prohibit; did you mean "blackhole"?
a.yaml:9:7: goto is missing: the priority of the rule to go on with
a.yaml:10:18: 4294967296 is out of range
a.yaml:11:27: 10.0.0.5/24 has bits set beyond its length; did you mean 10.0.0.0/24?
a.yaml:12:27: "any" is no IP address, with or without /LENGTH, and not all
a.yaml:13:7: 10.0.0.0/24 and fd00::/64 are of different address families
a.yaml:14:7: the addresses are not of the family inet6
a.yaml:15:29: family "ipv4" is not one of inet, inet6
a.yaml:16:26: interface name "eth0/1": '/' is not allowed
a.yaml:17:29: 0 is any mark to the kernel; for packets without one write 0/0xffffffff
a.yaml:18:29: 1/0: with no bit in the mask it is any mark: leave out fwmark
a.yaml:19:29: "1/2/3" is no mark: VALUE or VALUE/MASK, each a number of 32 bits
a.yaml:20:29: "010" is no mark: VALUE or VALUE/MASK, each a number of 32 bits
a.yaml:21:29: "0x1ffffffff" is no mark: VALUE or VALUE/MASK, each a number of 32 bits
a.yaml:22:29: "1/" is no mark: VALUE or VALUE/MASK, each a number of 32 bits
a.yaml:23:21: unknown key "tabel"; did you mean "table"?
a.yaml:24:28: there is no table 0
a.yaml:25:36: "3" is no type of service: a multiple of 4 up to 252, decimal or with 0x
a.yaml:26:36: "0x100" is no type of service: a multiple of 4 up to 252, decimal or with 0x
a.yaml:27:40: "tpc" is no protocol: one of ah, dccp, esp, gre, icmp, ipv6-icmp, sctp, tcp, udp, udplite, or a number from 1 to 255
a.yaml:28:38: "0-5" is no range of ports: FIRST or FIRST-LAST, from 1 to 65534
a.yaml:29:38: "9-8" is no range of ports: FIRST or FIRST-LAST, from 1 to 65534
a.yaml:30:38: "65535" is no range of ports: FIRST or FIRST-LAST, from 1 to 65534
a.yaml:31:41: "root" is no range of user IDs: FIRST or FIRST-LAST
a.yaml:32:7: goto leads to a later rule only: its priority has to be above 5
a.yaml:33:7: goto looks in no table: leave out table or action
a.yaml:34:7: prohibit goes to no other rule: leave out goto or action
a.yaml:35:7: suppress_prefixlength is about the routes of a table, and prohibit looks in none
a.yaml:36:7: suppress_prefixlength is at most 32 for IPv4
a.yaml:37:54: suppress_prefixlength is 0 to 128`
	if d := cmp.Diff(strings.TrimSpace(want), errs); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

func TestRuleTwice(t *testing.T) {
	_, errs := conform.Compile(language, inLab(`    - {priority: 6, from: 10.0.0.0/24, table: 5}
    - {priority: 6, from: 10.0.0.0/24, table: 6}
    - {priority: 6, from: 10.0.0.0/25, table: 5}
    - {priority: 6, table: 5}
    - {priority: 6, family: inet6, table: 5}
    - {priority: 6, from: 0.0.0.0/0, table: 5}
`))
	want := `
a.yaml:5:7: lab/rule/6 from 10.0.0.0/24 is declared twice, first in a.yaml:4
a.yaml:9:7: lab/rule/6 from all is declared twice, first in a.yaml:7`
	if d := cmp.Diff(strings.TrimSpace(want), errs); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}
