package altname

import (
	"strings"
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

func ref[T any](value T) *T { return &value }

func TestConform(t *testing.T) {
	on := func(name, dev string) spec.Resource { return &AltName{NS: conform.LabName, Name: name, Dev: dev} }
	found := func(name string, m Match) spec.Resource { return &AltName{NS: conform.LabName, Name: name, Match: &m} }
	conform.Conform(t, Kind, conform.Example{
		Setup: `link add eth0 address 02:00:00:00:00:01 type veth peer name eth1
link add br0 address 02:00:00:00:00:09 type bridge
link property add dev eth0 altname theirs
`,
		Want: []spec.Resource{
			on("first", "eth0"), on("second", "eth0"),
			found("uplink", Match{MAC: ref(spec.MAC("02:00:00:00:00:01"))}),
			found("lan", Match{Driver: ref("bri*")}),
			found("card", Match{AltName: ref("their*"), Name: ref("eth?")}),
		},
		Changes: []conform.Change{
			conform.To(on("first", "eth1"), "interface: eth0 -> eth1 (replace)"),
			conform.To(found("lan", Match{Name: ref("eth1")}), "interface: br0 -> match: name eth1 (replace)"),
		},
	})
}

// What fits, and what does not count: an interface with the address of a card is not that card.
func TestMatch(t *testing.T) {
	cards := []card{
		{name: "eth0", mac: "02:00:00:00:00:99", own: "02:00:00:00:00:01", pci: "0000:03:00.0", driver: "ixgbe", altNames: []string{"enp3s0"}},
		{name: "br0", mac: "02:00:00:00:00:01", driver: "bridge"},
		{name: "eth1", mac: "02:00:00:00:00:02", own: "02:00:00:00:00:02", pci: "0000:03:00.1", driver: "ixgbe", altNames: []string{"linkd-name"}},
	}
	for _, test := range []struct {
		match Match
		want  string
	}{
		{Match{MAC: ref(spec.MAC("02:00:00:00:00:01"))}, "eth0"},
		{Match{MAC: ref(spec.MAC("02:00:00:00:00:99"))}, ""},
		{Match{Driver: ref("ixgbe")}, "eth0 eth1"},
		{Match{Driver: ref("ixgbe"), PCI: ref("0000:03:00.1")}, "eth1"},
		{Match{AltName: ref("enp*")}, "eth0"},
		{Match{AltName: ref("linkd*")}, ""},
		{Match{Name: ref("*")}, "eth0 br0 eth1"},
	} {
		var names []string
		for _, c := range test.match.among(cards, "linkd-name") {
			names = append(names, c.name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", &test.match, got, test.want)
		}
	}
}
