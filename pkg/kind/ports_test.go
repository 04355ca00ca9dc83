package kind_test

import (
	"strings"
	"testing"

	"linkd/pkg/kind"
	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// options wants the options of a port that are not as the kernel makes a port, as bridge-link(8) tells them.
func (d *daemon) options(port, want string) {
	d.Helper()
	var got []string
	initial := map[string]string{
		"hairpin": "off", "guard": "off", "fastleave": "off", "learning": "on", "flood": "on", "mcast_flood": "on",
		"neigh_suppress": "off", "isolated": "off", "priority": "32", "cost": "2", "mcast_fast_leave": "off",
	}
	words := strings.Fields(conform.IP(d.T, "-n lab -d link show "+port))
	for i, word := range words {
		if standard, is := initial[word]; is && words[i+1] != standard {
			got = append(got, word+" "+words[i+1])
		}
	}
	if all := strings.Join(got, ", "); all != want {
		d.Errorf("%s has %q, want %q", port, all, want)
	}
}

// waits makes text the desired state, in which all but one resource is all right, and that waits.
func (d *daemon) waits(text, id, reason string) {
	d.Helper()
	desired, errs := spec.Compile(kind.Language(), []spec.File{{Path: "a.yaml", Text: []byte(text)}})
	if len(errs) > 0 {
		d.Fatal(errs)
	}
	d.engine.Want(desired, true)
	d.engine.Converge(d.Context())
	for _, r := range d.engine.Status(nil).Resources {
		if (r.ID == id) != (r.State == reconcile.Pending && r.Reason == reason) || r.ID != id && r.State != reconcile.OK {
			d.Errorf("%s is %s: %s", r.ID, r.State, r.Reason)
		}
	}
}

const box = `link add br0 type bridge
link add br1 type bridge
link add eth0 type veth peer name eth9
`

func TestAnOptionLeavesTheFiles(t *testing.T) {
	d := newDaemon(t)
	d.lab.IP(t, box)
	of := func(keys string) string {
		return "namespaces: {lab: {}}\nlinks: {eth0: {kind: existing, netns: lab, " + keys + "}}\n"
	}
	d.wants(of("master: br0, port: {isolated: true, learning: false, cost: 9}"),
		"~ lab/port/eth0  (master: (none) -> br0, cost: (none) -> 9, isolated: (none) -> true, learning: (none) -> false)\n")
	d.options("eth0", "cost 9, learning off, isolated on")
	d.restart()
	d.wants(of("master: br0, port: {hairpin: true, learning: false, cost: 9}"),
		"~ lab/port/eth0  (hairpin: false -> true, isolated: true -> false)\n")
	d.wants(of("master: br0, port: {hairpin: true}"), "~ lab/port/eth0  (learning: false -> true, put back)\n")
	d.options("eth0", "cost 9, hairpin on")

	// What somebody made of it by hand, or in another bridge, is theirs.
	d.lab.IP(t, "link set eth0 type bridge_slave hairpin off\n")
	d.wants(of("master: br0"), "")
	d.waits(of("port: {hairpin: true}"), "lab/port/eth0", "update lab/port/eth0: eth0 is not a port of a bridge")
	d.shows("eth0", "state DOWN")
	d.options("eth0", "")
}

func TestAPortIsPutBackWithItsOptions(t *testing.T) {
	d := newDaemon(t)
	d.lab.IP(t, box+"link set eth0 master br0\nlink set eth0 type bridge_slave isolated on flood off\n")
	const nothing = "namespaces: {lab: {}}\n"
	of := func(keys string) string {
		return nothing + "links: {eth0: {kind: existing, netns: lab, " + keys + "}}\n"
	}

	// In the bridge in which it is.
	d.wants(of("port: {flood: true, hairpin: true}"), "~ lab/port/eth0  (hairpin: false -> true, flood: false -> true)\n")
	d.restart()
	d.wants(nothing, "~ lab/port/eth0  (hairpin: true -> false, flood: true -> false, put back)\n")
	d.options("eth0", "flood off, isolated on")

	// From another bridge, where all was otherwise, also what no file named.
	d.wants(of("master: br1, port: {hairpin: true}"), "~ lab/port/eth0  (master: br0 -> br1, hairpin: false -> true)\n")
	d.options("eth0", "hairpin on")
	d.restart()
	d.wants(nothing, "~ lab/port/eth0  (master: br1 -> br0, hairpin: true -> false, isolated: false -> true, flood: true -> false, put back)\n")
	d.shows("eth0", "master br0")
	d.options("eth0", "flood off, isolated on")

	// Not where somebody has moved it to.
	d.wants(of("port: {flood: true}"), "~ lab/port/eth0  (flood: false -> true)\n")
	d.lab.IP(t, "link set eth0 master br1\n")
	d.wants(nothing, "")
	d.options("eth0", "")
}

// A bridge that comes to be in the same plan has not been what the port was in.
func TestAPortMovesToABridgeThatIsMade(t *testing.T) {
	d := newDaemon(t)
	d.lab.IP(t, box+"link set eth0 master br0\nlink set eth0 type bridge_slave isolated on\n")
	const nothing = "namespaces: {lab: {}}\n"
	d.wants(nothing+"links: {new: {kind: bridge, netns: lab}, eth0: {kind: existing, netns: lab, master: new}}\n", `
+ lab/link/new
~ lab/port/eth0  (master: br0 -> new)
`)
	d.shows("eth0", "master new")
	d.wants(nothing, `
~ lab/port/eth0  (master: new -> br0, isolated: false -> true, put back)
- lab/link/new
`)
	d.shows("eth0", "master br0")
	d.options("eth0", "isolated on")
}

func TestAPortThatLeavesAndComesBack(t *testing.T) {
	d := newDaemon(t)
	d.lab.IP(t, box)
	const file = `
namespaces: {lab: {}}
links:
  cable:
    kind: veth
    ends:
      - {netns: lab, name: eth1, master: br0, port: {isolated: true, priority: 5}}
      - {netns: lab, name: eth2, master: br0}
  eth0: {kind: existing, netns: lab, port: {hairpin: true}}
`
	d.waits(file, "lab/port/eth0", "update lab/port/eth0: eth0 is not a port of a bridge")
	d.options("eth1", "priority 5, isolated on")
	d.lab.IP(t, "link set eth1 nomaster\nlink set eth1 master br0\nlink set eth0 master br0\n")
	d.options("eth1", "")
	d.wants(file, "~ lab/port/eth0  (hairpin: false -> true)\n~ lab/port/eth1  (priority: 32 -> 5, isolated: false -> true)\n")
	d.options("eth1", "priority 5, isolated on")
	d.options("eth0", "hairpin on")
	d.lab.IP(t, "link del eth1\n")
	d.wants(file, `
+ lab/link/eth1
+ lab/link/eth2
+ lab/port/eth1
+ lab/port/eth2
`)
	d.options("eth1", "priority 5, isolated on")
}

func TestVLANsArePutBack(t *testing.T) {
	conform.NeedsBridgeVLAN(t)
	d := newDaemon(t)
	d.lab.IP(t, "link add br0 address 02:00:00:00:00:01 type bridge vlan_filtering 1\nlink add br1 type bridge vlan_default_pvid 9\nlink add eth0 type veth peer name eth9\n")
	const nothing = "namespaces: {lab: {}}\n"
	of := func(keys string) string {
		return nothing + "links: {eth0: {kind: existing, netns: lab, " + keys + "}}\n"
	}
	d.wants(of("master: br0, port: {vlans: [{vid: 10, pvid: true}]}"),
		"~ lab/port/eth0  (master: (none) -> br0, vlans: (none) -> 10 pvid)\n")
	// What the bridge gives to every port that joins.
	d.wants(of("master: br0, port: {}"), "~ lab/port/eth0  (vlans: 10 pvid -> 1 pvid untagged, put back)\n")
	d.wants(of("master: br1"), "~ lab/port/eth0  (master: br0 -> br1)\n")
	d.wants(of("master: br1, port: {vlans: []}"), "~ lab/port/eth0  (vlans: 9 pvid untagged -> (none))\n")
	d.wants(of("master: br1"), "~ lab/port/eth0  (vlans: (none) -> 9 pvid untagged, put back)\n")
	d.wants(nothing, "~ lab/port/eth0  (master: br1 -> (none), put back)\n")

	// What it had in the bridge in which it was; of a bridge itself.
	d.lab.IP(t, "link set eth0 master br1\n")
	d.wants(of("master: br0, port: {vlans: [{vid: 5}]}"), "~ lab/port/eth0  (master: br1 -> br0, vlans: 9 pvid untagged -> 5)\n")
	d.restart()
	d.wants(nothing, "~ lab/port/eth0  (master: br0 -> br1, vlans: 5 -> 9 pvid untagged, put back)\n")
	d.wants(nothing+"links: {br0: {kind: existing, netns: lab, port: {vlans: [{vid: 1-4}]}}}\n", "~ lab/port/br0  (vlans: 1 pvid untagged -> 1-4)\n")
	d.restart()
	d.wants(nothing, "~ lab/port/br0  (vlans: 1-4 -> 1 pvid untagged, put back)\n")
}
