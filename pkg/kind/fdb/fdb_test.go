package fdb

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/kind/port"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

var language = conform.Language(nil, append(port.Keys(), Key()))

// on reads a list of entries as that of a device in the lab.
func on(dev, list string) string {
	return "namespaces: {lab: {}}\nlinks:\n  cable:\n    netns: lab\n    name: " + dev + "\n    fdb:\n" + list
}

func read(t *testing.T, dev, entry string) *Entry {
	t.Helper()
	return conform.Read(t, language, on(dev, "      - "+entry))[0].(*Entry)
}

func TestEntryInYAML(t *testing.T) {
	host := netip.MustParseAddr
	for _, test := range []struct {
		text, id string
		want     Entry
	}{
		{"{mac: '02:00:00:00:00:0A'}", "lab/fdb/dev0/02:00:00:00:00:0a", Entry{MAC: "02:00:00:00:00:0a"}},
		{"{mac: '02:00:00:00:00:0a', vlan: 5}", "lab/fdb/dev0/02:00:00:00:00:0a vlan 5", Entry{MAC: "02:00:00:00:00:0a", VLAN: 5}},
		{"{mac: '02:00:00:00:00:0a', dst: 192.0.2.2}", "lab/fdb/dev0/02:00:00:00:00:0a self", Entry{MAC: "02:00:00:00:00:0a", Dst: host("192.0.2.2")}},
		{"{mac: '00:00:00:00:00:00', dst: 192.0.2.2}", "lab/fdb/dev0/00:00:00:00:00:00 dst 192.0.2.2", Entry{MAC: spec.ZeroMAC, Dst: host("192.0.2.2")}},
		{"{mac: '01:00:5e:00:00:01', dst: '2001:db8::2'}", "lab/fdb/dev0/01:00:5e:00:00:01 dst 2001:db8::2", Entry{MAC: "01:00:5e:00:00:01", Dst: host("2001:db8::2")}},
	} {
		want := test.want
		want.NS, want.Dev = "lab", "dev0"
		got := read(t, "dev0", test.text)
		if d := conform.Differences(&want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, d)
		}
		if got.ID().String() != test.id {
			t.Errorf("%s: its ID is %s", test.text, got.ID())
		}
		if again, ok := (kind{}).FromID(got.ID()); !ok || again.ID() != got.ID() {
			t.Errorf("%s comes back as %s", test.id, again.ID())
		}
	}
}

// The entry for a group goes through an interface.
func TestEntryOfAGroup(t *testing.T) {
	e := &Entry{NS: "lab", Dev: "vx0", MAC: spec.ZeroMAC, Dst: netip.MustParseAddr("239.1.1.1"), Via: "eth0"}
	if id := e.ID().String(); id != "lab/fdb/vx0/00:00:00:00:00:00 dst 239.1.1.1 via eth0" {
		t.Errorf("its ID is %s", id)
	}
	if again, ok := (kind{}).FromID(e.ID()); !ok || conform.Differences(e, again) != "" {
		t.Errorf("it comes back as %+v", again)
	}
}

func TestEntryErrors(t *testing.T) {
	_, errs := conform.Compile(language, on("dev0", `      - {mac: 02:00:00:00:00}
      - {mac: "00:00:00:00:00:00"}
      - {mac: "01:00:5e:00:00:01"}
      - {mac: "02:00:00:00:00:01", vlan: 4095}
      - {mac: "02:00:00:00:00:01", vlan: 5, dst: 192.0.2.2}
      - {mac: "02:00:00:00:00:01", dst: 239.1.1.1}
      - {mac: "02:00:00:00:00:01", dst: 0.0.0.0}
      - {mac: "02:00:00:00:00:01", dst: 192.0.2.0/24}
      - {dst: 192.0.2.2}
      - {mac: "02:00:00:00:00:01", port: 4789}
`))
	want := `
a.yaml:7:15: expected a MAC address, found "02:00:00:00:00"
a.yaml:8:9: 00:00:00:00:00:00 stands for what a VXLAN does not know: dst is missing
a.yaml:9:9: 01:00:5e:00:00:01 is a multicast address: a bridge has it on no one port
a.yaml:10:42: vlan is 1 to 4094
a.yaml:11:9: 02:00:00:00:00:01: the entry of a VXLAN has no vlan
a.yaml:12:41: 239.1.1.1 is a multicast address: a VXLAN sends to one by its group
a.yaml:13:41: 0.0.0.0 is the unspecified address: no host has it
a.yaml:14:41: "192.0.2.0/24" is no IP address
a.yaml:15:9: "mac" is missing
a.yaml:16:36: unknown key "port"`
	if d := cmp.Diff(strings.TrimSpace(want), errs); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

// An address has one place in a bridge, whichever file says so, and one host in a VXLAN.
func TestEntryTwice(t *testing.T) {
	_, errs := conform.Compile(language, `
namespaces: {lab: {}}
links:
  a: {netns: lab, name: eth0, master: br0, fdb: [{mac: "02:00:00:00:00:01"}, {mac: "02:00:00:00:00:02"}]}
  b: {netns: lab, name: eth1, master: br0, fdb: [{mac: "02:00:00:00:00:01"}, {mac: "02:00:00:00:00:01", vlan: 2}]}
  c: {netns: lab, name: eth2, master: br1, fdb: [{mac: "02:00:00:00:00:01"}]}
  d: {netns: lab, name: vx0, fdb: [{mac: "02:00:00:00:00:01", dst: 192.0.2.1}, {mac: "02:00:00:00:00:01", dst: 192.0.2.2}]}
  e: {netns: lab, name: vx1, fdb: [{mac: "00:00:00:00:00:00", dst: 192.0.2.1}, {mac: "00:00:00:00:00:00", dst: 192.0.2.2}]}
`)
	want := `
a.yaml:5:50: 02:00:00:00:00:01 in lab/link/br0 is claimed twice, first in a.yaml:4
a.yaml:7:80: lab/fdb/vx0/02:00:00:00:00:01 self is declared twice, first in a.yaml:7`
	if d := cmp.Diff(strings.TrimSpace(want), errs); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

func TestDiff(t *testing.T) {
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	bridged, tunnelled := &Entry{Dev: "eth0", MAC: "02:00:00:00:00:01"}, &Entry{Dev: "vx0", MAC: "02:00:00:00:00:01", Dst: here}
	for _, test := range []struct {
		name       string
		want, have *Entry
		says       string
	}{
		{"as wanted", bridged, &Entry{Port: "eth0", State: static}, ""},
		{"moved", bridged, &Entry{Port: "eth1", State: static}, "port: eth1 -> eth0"},
		{"an address of the bridge", bridged, &Entry{Port: "eth0", State: local}, "state: local -> static"},
		{"as wanted, of a VXLAN", tunnelled, &Entry{Port: "vx0", State: static, Dst: here}, ""},
		{"moved, of a VXLAN", tunnelled, &Entry{Port: "vx0", State: static, Dst: there}, "dst: 192.0.2.2 -> 192.0.2.1"},
		{"to another UDP port", tunnelled, &Entry{State: itsOwnWay, Dst: here}, "state: static, with a port, VNI or device of its own -> static"},
	} {
		if got := strings.Join(reconcile.Strings((kind{}).Diff(test.want, test.have)), ", "); got != test.says {
			t.Errorf("%s: got %q, want %q", test.name, got, test.says)
		}
	}
}
