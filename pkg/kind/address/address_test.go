package address

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

var language = conform.Language(nil, []spec.Key{Key()})

// onEth0 returns a file with a list of addresses on eth0 in the lab.
func onEth0(list string) string { return conform.OnEth0(keyName, list) }

func TestAddressInYAML(t *testing.T) {
	ip, scope, no, yes := ipOf, Scope(253), false, true
	metric, forever, hour := uint32(50), Forever, Lifetime(3600)
	label := "eth0:a"
	for _, test := range []struct {
		text string
		want Address
	}{
		{"172.17.1.2/16", Address{Prefix: subnet("172.17.1.2/16")}},
		{"10.0.0.1", Address{Prefix: subnet("10.0.0.1/32")}},
		{"'fd00::1'", Address{Prefix: subnet("fd00::1/128")}},
		{"{address: 10.0.0.1/24, broadcast: +}", Address{Prefix: subnet("10.0.0.1/24"), Broadcast: ip("10.0.0.255")}},
		{"{address: 10.0.0.1/20, broadcast: 10.0.0.9}", Address{Prefix: subnet("10.0.0.1/20"), Broadcast: ip("10.0.0.9")}},
		{"{address: 10.0.0.1, peer: 10.0.9.2}", Address{Prefix: subnet("10.0.0.1/32"), Peer: ip("10.0.9.2")}},
		{"{address: 10.0.0.1, peer: 10.0.9.2/24}", Address{Prefix: subnet("10.0.0.1/24"), Peer: ip("10.0.9.2")}},
		{"{address: 10.0.0.1/24, label: 'eth0:a', scope: link, metric: 50}",
			Address{Prefix: subnet("10.0.0.1/24"), Label: &label, Scope: &scope, Metric: &metric}},
		{"{address: 'fd00::1/64', nodad: true, noprefixroute: false, valid_lft: forever, preferred_lft: 3600}",
			Address{Prefix: subnet("fd00::1/64"), NoDAD: &yes, NoPrefixRoute: &no, ValidLft: &forever, PreferredLft: &hour}},
	} {
		want := test.want
		want.NS, want.Dev = "lab", "eth0"
		got := conform.Read(t, language, onEth0("      - "+test.text))
		if d := conform.Differences([]spec.Resource{&want}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, d)
		}
	}
}

func TestAddressErrors(t *testing.T) {
	_, errs := conform.Compile(language, onEth0(`      - 10.0.0.300/24
      - 0.0.0.0/8
      - 224.0.0.1/4
      - 255.255.255.255
      - ::ffff:10.0.0.1/96
      - {address: 10.1.0.1/24, label: eth1, nodad: true}
      - {address: 10.2.0.1/24, label: "eth0:much-too-long"}
      - {address: fd01::1/64, broadcast: +}
      - {address: fd02::1/64, scope: link}
      - {address: 10.3.0.1/32, broadcast: +}
      - {address: 10.4.0.1/24, peer: fd00::2}
      - {address: 10.5.0.1/24, peer: 10.5.0.2/32}
      - {address: 10.6.0.1/24, valid_lft: 10, preferred_lft: forever}
      - {address: 10.7.0.1/24, valid_lft: 0, scope: near}
      - {adress: 10.8.0.1/24}
`))
	want := `
a.yaml:7:9: "10.0.0.300/24" is no IP address, with or without /LENGTH
a.yaml:8:9: 0.0.0.0 is the unspecified address: a device cannot have it
a.yaml:9:9: 224.0.0.1 is a multicast address: a device cannot have it
a.yaml:10:9: 255.255.255.255 is the broadcast address: a device cannot have it
a.yaml:11:9: ::ffff:10.0.0.1 is an IPv4 address in the form of an IPv6 one: write 10.0.0.1
a.yaml:12:9: 10.1.0.1: nodad is for IPv6 addresses only
a.yaml:12:9: 10.1.0.1: the label "eth1" is neither eth0 nor eth0:NAME
a.yaml:13:9: 10.2.0.1: the label "eth0:much-too-long" has 18 bytes; the kernel takes 15 at most
a.yaml:14:9: fd01::1: broadcast is for IPv4 addresses only
a.yaml:15:9: fd02::1: scope is for IPv4 addresses only
a.yaml:16:9: 10.3.0.1: a /32 has no broadcast address
a.yaml:17:9: 10.4.0.1: the peer fd00::2 is of the other address family
a.yaml:18:9: 10.5.0.1: the kernel has one length for an address and its peer, not /24 and /32
a.yaml:19:9: 10.6.0.1: preferred_lft forever is longer than valid_lft 10
a.yaml:20:53: scope "near" is not one of global, site, link, host, nowhere
a.yaml:21:10: unknown key "adress"; did you mean "address"?`
	if d := cmp.Diff(strings.TrimSpace(want), errs); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

func TestAddressTwice(t *testing.T) {
	_, errs := conform.Compile(language, onEth0(`      - 10.0.0.1/24
      - 10.0.0.1/16
      - {address: 10.0.0.1/24, metric: 5}
      - fd00::1/64
      - {address: fd00::1/48}
`))
	want := `
a.yaml:9:9: lab/address/eth0/10.0.0.1/24 is declared twice, first in a.yaml:7
a.yaml:11:9: eth0 has fd00::1/64 already, and the kernel takes an IPv6 address once, with any length`
	if d := cmp.Diff(strings.TrimSpace(want), errs); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}
