package neighbour

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

var language = conform.Language(nil, []spec.Key{Key()})

// onEth0 reads a list of neighbours as that of the lab's eth0.
func onEth0(list string) string { return conform.OnEth0(keyName, list) }

func read(t *testing.T, entry string) *Neighbour {
	t.Helper()
	return conform.Read(t, language, onEth0("      - "+entry))[0].(*Neighbour)
}

func TestNeighbourInYAML(t *testing.T) {
	for _, test := range []struct {
		text string
		want Neighbour
		id   string
	}{
		{"{to: 172.17.1.9, mac: '02:00:00:00:00:0A'}", Neighbour{To: netip.MustParseAddr("172.17.1.9"), MAC: "02:00:00:00:00:0a"},
			"lab/neighbour/eth0/172.17.1.9"},
		{"{to: 172.17.1.9, mac: 03-bf-0a-00-00-01, proxy: false}", Neighbour{To: netip.MustParseAddr("172.17.1.9"), MAC: "03:bf:0a:00:00:01"},
			"lab/neighbour/eth0/172.17.1.9"},
		{"{to: 172.17.1.9, proxy: true}", Neighbour{To: netip.MustParseAddr("172.17.1.9"), Proxy: true},
			"lab/neighbour/eth0/proxy 172.17.1.9"},
		{"{to: 'fd00::9', proxy: true}", Neighbour{To: netip.MustParseAddr("fd00::9"), Proxy: true},
			"lab/neighbour/eth0/proxy fd00::9"},
		{"{to: 'fe80::9', mac: '02:00:00:00:00:09'}", Neighbour{To: netip.MustParseAddr("fe80::9"), MAC: "02:00:00:00:00:09"},
			"lab/neighbour/eth0/fe80::9"},
	} {
		want := test.want
		want.NS, want.Dev = "lab", "eth0"
		got := read(t, test.text)
		if d := conform.Differences(&want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, d)
		}
		if got.ID().String() != test.id {
			t.Errorf("%s: its ID is %s", test.text, got.ID())
		}
		again, ok := kind{}.FromID(got.ID())
		want.MAC = ""
		if d := conform.Differences(&want, again); d != "" || !ok {
			t.Errorf("%s from its ID (-want +got):\n%s", test.id, d)
		}
	}
}

func TestNeighbourErrors(t *testing.T) {
	_, errs := conform.Compile(language, onEth0(`      - {to: 10.0.0.300, proxy: true}
      - {to: 10.0.0.1}
      - {to: 10.0.0.1, mac: "02:00:00:00:00:01", proxy: true}
      - {to: 10.0.0.1, proxy: false}
      - {to: 10.0.0.1, mac: "02:00:00:00:00"}
      - {to: 10.0.0.1, mac: "00:00:00:00:00:00"}
      - {to: 224.0.0.1, proxy: true}
      - {to: "::", proxy: true}
      - {to: 255.255.255.255, proxy: true}
      - {to: 10.0.0.0/24, proxy: true}
      - {to: "::ffff:10.0.0.1", proxy: true}
      - {ip: 10.0.0.1, proxy: true}
      - {to: 10.0.0.1, lladdr: "02:00:00:00:00:01"}
      - 10.0.0.1
`))
	want := `
a.yaml:7:14: "10.0.0.300" is no IP address
a.yaml:8:9: 10.0.0.1: "mac" is missing, or proxy: true
a.yaml:9:9: 10.0.0.1: a proxy entry has no mac: the device answers with its own
a.yaml:10:9: 10.0.0.1: "mac" is missing, or proxy: true
a.yaml:11:29: expected a MAC address, found "02:00:00:00:00"
a.yaml:12:9: 10.0.0.1: no neighbour has the zero address
a.yaml:13:14: 224.0.0.1 is a multicast address: no neighbour has it
a.yaml:14:14: :: is the unspecified address: no neighbour has it
a.yaml:15:14: 255.255.255.255 is the broadcast address: no neighbour has it
a.yaml:16:14: "10.0.0.0/24" is no IP address
a.yaml:17:14: ::ffff:10.0.0.1 is an IPv4 address in the form of an IPv6 one: write 10.0.0.1
a.yaml:18:10: unknown key "ip"; did you mean "to"?
a.yaml:19:24: unknown key "lladdr"; did you mean "mac"?
a.yaml:20:9: expected a mapping, found "10.0.0.1"`
	if d := cmp.Diff(strings.TrimSpace(want), errs); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

func TestNeighbourTwice(t *testing.T) {
	_, errs := conform.Compile(language, onEth0(`      - {to: 10.0.0.2, mac: "02:00:00:00:00:01"}
      - {to: 10.0.0.2, proxy: true}
      - {to: 10.0.0.2, mac: "02:00:00:00:00:02"}
`))
	if want := "a.yaml:9:9: lab/neighbour/eth0/10.0.0.2 is declared twice, first in a.yaml:7"; errs != want {
		t.Errorf("got %s, want %s", errs, want)
	}
}

func TestDiff(t *testing.T) {
	to := netip.MustParseAddr("10.0.0.9")
	want := &Neighbour{To: to, MAC: "02:00:00:00:00:09"}
	for _, test := range []struct {
		name       string
		want, have *Neighbour
		says       string
	}{
		{"as wanted", want, &Neighbour{To: to, MAC: "02:00:00:00:00:09", State: permanent, Proto: address.Mark}, ""},
		{"another MAC", want, &Neighbour{To: to, MAC: "02:00:00:00:00:08", State: permanent}, "mac: 02:00:00:00:00:08 -> 02:00:00:00:00:09"},
		{"it ages", want, &Neighbour{To: to, MAC: "02:00:00:00:00:09", State: "not permanent"}, "state: not permanent -> permanent"},
		{"proxy", &Neighbour{To: to, Proxy: true}, &Neighbour{To: to, Proxy: true}, ""},
		{"proxy on what was taken over", &Neighbour{To: to, Proxy: true, Adopt: true}, &Neighbour{To: to, Proxy: true}, "mark: (none) -> linkd"},
		{"a routing daemon's on what was taken over", &Neighbour{To: to, Proxy: true, Adopt: true}, &Neighbour{To: to, Proxy: true, Proto: 11}, ""},
	} {
		if got := strings.Join(reconcile.Strings((kind{}).Diff(test.want, test.have)), ", "); got != test.says {
			t.Errorf("%s: got %q, want %q", test.name, got, test.says)
		}
	}
}
