package address

import (
	"net/netip"
	"strings"
	"testing"
)

func subnet(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func ipOf(text string) *netip.Addr {
	ip := netip.MustParseAddr(text)
	return &ip
}

func TestDiff(t *testing.T) {
	of := func(a Address) *Address { return &a }
	label, other, host, yes, no := "eth0", "eth0:a", Scope(254), true, false
	metric, none := uint32(7), uint32(0)
	forever, hour, minute, over := Forever, Lifetime(3600), Lifetime(60), Lifetime(0)
	four, six := subnet("10.0.0.1/24"), subnet("fd00::1/64")
	for _, test := range []struct {
		name       string
		want, have *Address
		says       string
	}{
		{"nothing is asked for", of(Address{Prefix: four}),
			of(Address{Prefix: four, Peer: ipOf("10.0.0.2"), Label: &label, Scope: &host, Metric: &metric, ValidLft: &hour}), ""},
		{"peer", of(Address{Prefix: four, Peer: ipOf("10.0.0.2")}), of(Address{Prefix: four}), "peer: (none) -> 10.0.0.2!"},
		{"label", of(Address{Prefix: four, Label: &other}), of(Address{Prefix: four, Label: &label}), "label: eth0 -> eth0:a!"},
		{"broadcast and scope", of(Address{Prefix: four, Broadcast: ipOf("10.0.0.255"), Scope: &host}), of(Address{Prefix: four, Scope: new(Scope)}),
			"scope: global -> host!, broadcast: (none) -> 10.0.0.255!"},
		{"flags of IPv4", of(Address{Prefix: four, NoPrefixRoute: &yes}), of(Address{Prefix: four, NoPrefixRoute: &no}), "noprefixroute: false -> true!"},
		{"flags of IPv6", of(Address{Prefix: six, NoPrefixRoute: &yes, NoDAD: &yes}), of(Address{Prefix: six, NoPrefixRoute: &no, NoDAD: &no}),
			"nodad: false -> true, noprefixroute: false -> true"},
		{"metric", of(Address{Prefix: six, Metric: &metric}), of(Address{Prefix: six, Metric: &none}), "metric: 0 -> 7"},
		{"no metric of IPv4", of(Address{Prefix: four, Metric: &none}), of(Address{Prefix: four, Metric: &metric}), "metric: 7 -> 0"},
		{"no metric of IPv6", of(Address{Prefix: six, Metric: &none}), of(Address{Prefix: six, Metric: &metric}), "metric: 7 -> 0!"},
		{"a lifetime that ticks", of(Address{Prefix: six, ValidLft: &hour}), of(Address{Prefix: six, ValidLft: &minute}), ""},
		{"a lifetime that has run out", of(Address{Prefix: six, PreferredLft: &hour}), of(Address{Prefix: six, PreferredLft: &over}), ""},
		{"lifetimes to forever", of(Address{Prefix: six, ValidLft: &forever}), of(Address{Prefix: six, ValidLft: &hour}), "valid_lft: 3600 -> forever"},
		{"lifetimes from forever", of(Address{Prefix: six, ValidLft: &hour}), of(Address{Prefix: six, ValidLft: &forever}), "valid_lft: forever -> 3600"},
		{"deprecated", of(Address{Prefix: six, PreferredLft: &over}), of(Address{Prefix: six, PreferredLft: &minute}), "preferred_lft: 60 -> 0"},
		{"found twice on the link", of(Address{Prefix: six}), of(Address{Prefix: six, found: found{DADFailed: true}}), ""},
	} {
		var says []string
		for _, f := range (kind{}).Diff(test.want, test.have) {
			line := f.String()
			if f.Replace {
				line += "!"
			}
			says = append(says, line)
		}
		if got := strings.Join(says, ", "); got != test.says {
			t.Errorf("%s: got %q, want %q", test.name, got, test.says)
		}
	}
}
