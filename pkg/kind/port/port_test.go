package port

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

var language = conform.Language(nil, Keys())

// port is eth0 in the lab with these keys.
func port(t *testing.T, keys string) *Port {
	t.Helper()
	return conform.Read(t, language, "namespaces: {lab: {}}\nlinks: {x: {netns: lab, name: eth0, "+keys+"}}")[0].(*Port)
}

// ours has in it eth0, and theirs, a port of br0 that nobody is to touch.
const ours = `link add br0 type bridge
link add br1 type bridge
link add eth0 type veth peer name eth1
link add theirs type veth peer name eth2
link set theirs master br0
link set theirs type bridge_slave hairpin on isolated on cost 7
`

func TestAPortConforms(t *testing.T) {
	for name, example := range map[string]conform.Example{
		"its master alone": {
			Setup:   ours,
			Want:    []spec.Resource{port(t, "master: br0")},
			Changes: []conform.Change{conform.To(port(t, "master: br1"), "master: br0 -> br1")},
		},
		"all options": {
			Setup: ours,
			Want: []spec.Resource{port(t, `master: br0, port: {cost: 100, priority: 16, hairpin: true, isolated: true, learning: false,
				flood: false, mcast_flood: false, guard: true, fast_leave: true, neigh_suppress: true}`)},
			Changes: []conform.Change{
				conform.To(port(t, `master: br0, port: {cost: 65535, priority: 63, hairpin: false, isolated: false, learning: true,
					flood: true, mcast_flood: true, guard: false, fast_leave: false, neigh_suppress: false}`),
					"cost: 100 -> 65535", "priority: 16 -> 63", "hairpin: true -> false", "isolated: true -> false",
					"learning: false -> true", "flood: false -> true", "mcast_flood: false -> true", "guard: true -> false",
					"fast_leave: true -> false", "neigh_suppress: true -> false"),
				conform.To(port(t, "master: br0, port: {cost: 1, priority: 0}"), "cost: 65535 -> 1", "priority: 63 -> 0"),
				conform.To(port(t, "master: br1, port: {hairpin: true}"), "master: br0 -> br1", "hairpin: false -> true"),
			},
		},
		"options of a port that somebody made": {
			Setup:   ours + "link set eth0 master br1\n",
			Want:    []spec.Resource{port(t, "port: {isolated: true}")},
			Changes: []conform.Change{conform.To(port(t, "port: {isolated: false}"), "isolated: true -> false")},
		},
	} {
		t.Run(name, func(t *testing.T) { conform.Conform(t, Kind, example) })
	}
}

func TestVLANsConform(t *testing.T) {
	conform.NeedsBridgeVLAN(t)
	setup := ours + "link set br0 type bridge vlan_filtering 1\nlink set br1 type bridge vlan_filtering 1 vlan_default_pvid 0\n"
	for name, example := range map[string]conform.Example{
		"of a port": {
			Setup: setup,
			Want:  []spec.Resource{port(t, "master: br0, port: {vlans: [{vid: 10, pvid: true, untagged: true}, {vid: 20-30}]}")},
			Changes: []conform.Change{
				conform.To(port(t, "master: br0, port: {vlans: [{vid: 20, pvid: true}, {vid: 25-4094}, {vid: 10, untagged: true}]}"),
					"vlans: 10 pvid untagged, 20-30 -> 10 untagged, 20 pvid, 25-4094"),
				conform.To(port(t, "master: br0, port: {vlans: []}"), "vlans: 10 untagged, 20 pvid, 25-4094 -> (none)"),
				conform.To(port(t, "master: br1, port: {vlans: [{vid: 1}]}"), "master: br0 -> br1", "vlans: (none) -> 1"),
				conform.To(port(t, "master: br0, port: {vlans: [{vid: 1}]}"), "master: br1 -> br0"),
			},
		},
		"of a port that somebody made": {
			Setup:   setup + "link set eth0 master br0\n",
			Want:    []spec.Resource{port(t, "port: {vlans: [{vid: 5}]}")},
			Changes: []conform.Change{conform.To(port(t, "port: {vlans: [{vid: 5, untagged: true}]}"), "vlans: 5 -> 5 untagged")},
		},
		"of a bridge itself": {
			Setup: setup + "link del eth0\nlink add eth0 type bridge\n",
			Want:  []spec.Resource{port(t, "port: {vlans: [{vid: 1, pvid: true, untagged: true}, {vid: 10-12}]}")},
			Changes: []conform.Change{
				conform.To(port(t, "port: {vlans: [{vid: 1-12}]}"), "vlans: 1 pvid untagged, 10-12 -> 1-12"),
				conform.To(port(t, "port: {vlans: [{vid: 10-11}]}"), "vlans: 1-12 -> 10-11"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) { conform.Conform(t, Kind, example) })
	}
}

// told is what the lab's ports are to an operator.
func told(t *testing.T, lab *conform.Lab) string {
	t.Helper()
	lab.NS.Forget()
	found, err := kind{}.Observe(t.Context(), lab.NS, reconcile.Query[*Port]{})
	conform.Must(t, err)
	var words []string
	for _, p := range found {
		if p.master() != "" {
			words = append(words, fmt.Sprintf("%s in %s", p.Dev, p.master()))
		}
	}
	return strings.Join(words, ", ")
}

func TestAMasterThatIsNotThere(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add eth0 type veth peer name eth1")
	err := kind{}.Create(t.Context(), lab.NS, port(t, "master: br9"))
	if !errors.Is(err, observe.ErrPending) || err.Error() != "there is no br9 in lab" {
		t.Errorf("create: %v", err)
	}
}

func TestOptionsThatNobodyCanGive(t *testing.T) {
	for name, test := range map[string]struct {
		setup, keys, want string
		pending           bool
	}{
		"no bridge":      {"link add eth0 type veth peer name eth1", "port: {hairpin: true}", "eth0 is not a port of a bridge", true},
		"a bridge":       {"link add eth0 type bridge", "port: {hairpin: true}", "eth0 is a bridge, and a bridge itself has only vlans: declare hairpin at its ports", false},
		"another master": {"link add eth0 type veth peer name eth1", "master: eth1, port: {hairpin: true}", "only the ports of a bridge have options and VLANs, and eth1 is a veth", false},
	} {
		t.Run(name, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, test.setup)
			err := kind{}.Update(t.Context(), lab.NS, port(t, test.keys), &Port{})
			if err == nil || err.Error() != test.want || errors.Is(err, observe.ErrPending) != test.pending {
				t.Errorf("update: %v, want %s", err, test.want)
			}
			if now := told(t, lab); now != "" {
				t.Errorf("it was joined all the same: %s", now)
			}
		})
	}
}

func TestAPortNeedsBothItsLinks(t *testing.T) {
	for _, test := range []struct{ keys, want string }{
		{"master: br0", "[lab/link/eth0 lab/link/br0]"},
		{"port: {}", "[lab/link/eth0]"},
	} {
		if got := fmt.Sprint(port(t, test.keys).Needs()); got != test.want {
			t.Errorf("of %q: %s", test.keys, got)
		}
	}
}
