package fdb

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

const bridged = `link add br0 type bridge
link add eth0 type veth peer name eth1
link add eth2 type veth peer name eth3
link set eth0 master br0
link set eth2 master br0
`

// bridge runs lines as bridge(8) in the lab, and returns what it prints.
func bridge(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("bridge", "-n", conform.LabName, "-batch", "-")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("bridge: %v\n%s\n%s", err, out, script)
	}
	return string(out)
}

func TestConform(t *testing.T) {
	for name, example := range map[string]conform.Example{
		"a bridge": {
			Setup: bridged,
			Want:  []spec.Resource{read(t, "eth0", "{mac: '02:00:00:00:00:01'}"), read(t, "eth2", "{mac: '02:00:00:00:00:02'}")},
		},
		"a VXLAN": {
			Setup: "link add vx0 type vxlan id 7 dstport 4789 local 192.0.2.1\nlink add vx1 type vxlan id 8 dstport 4789 remote 192.0.2.1\n",
			Want: []spec.Resource{
				read(t, "vx0", "{mac: '00:00:00:00:00:00', dst: 192.0.2.2}"), read(t, "vx0", "{mac: '00:00:00:00:00:00', dst: 192.0.2.3}"),
				read(t, "vx0", "{mac: '01:00:5e:00:00:01', dst: 192.0.2.2}"), read(t, "vx0", "{mac: '02:00:00:00:00:01', dst: 192.0.2.3}"),
				read(t, "vx1", "{mac: '00:00:00:00:00:00', dst: 192.0.2.3}"),
			},
			Changes: []conform.Change{
				conform.To(read(t, "vx0", "{mac: '02:00:00:00:00:01', dst: 192.0.2.2}"), "dst: 192.0.2.3 -> 192.0.2.2"),
			},
		},
		"a VXLAN with a group": {
			Setup: "link add eth0 type veth peer name eth1\nlink add vx0 type vxlan id 7 dstport 4789 group 239.1.1.1 dev eth0\n",
			Want: []spec.Resource{
				read(t, "vx0", "{mac: '00:00:00:00:00:00', dst: 192.0.2.2}"),
				&Entry{NS: "lab", Dev: "vx0", MAC: spec.ZeroMAC, Dst: netip.MustParseAddr("239.1.1.2"), Via: "eth0"},
			},
		},
		"a VXLAN over IPv6": {
			Setup: "link add vx0 type vxlan id 7 dstport 4789 local 2001:db8::1\n",
			Want: []spec.Resource{
				read(t, "vx0", "{mac: '00:00:00:00:00:00', dst: '2001:db8::2'}"), read(t, "vx0", "{mac: '00:00:00:00:00:00', dst: '2001:db8::3'}"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) { conform.Conform(t, Kind, example) })
	}
}

func TestConformOnVLANs(t *testing.T) {
	conform.NeedsBridgeVLAN(t)
	conform.Conform(t, Kind, conform.Example{
		Setup: strings.Replace(bridged, "type bridge\n", "type bridge vlan_filtering 1\n", 1),
		Want:  []spec.Resource{read(t, "eth0", "{mac: '02:00:00:00:00:01', vlan: 1}"), read(t, "eth2", "{mac: '02:00:00:00:00:02', vlan: 1}")},
	})
}

// look is what somebody made, beside the bridge's own addresses.
func look(t *testing.T, lab *conform.Lab) string {
	t.Helper()
	lab.NS.Forget()
	found, err := (kind{}).observeMade(context.Background(), lab.NS)
	conform.Must(t, err)
	var lines []string
	for _, e := range found {
		if e.State != local {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s", e.ID().Key, e.State)))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Without a VLAN an entry is of all of the port's, as bridge(8) has it.
func TestEveryVLANOfThePort(t *testing.T) {
	conform.NeedsBridgeVLAN(t)
	lab := conform.Open(t)
	lab.IP(t, strings.Replace(bridged, "type bridge\n", "type bridge vlan_filtering 1\n", 1)+"link set eth1 up\nlink set br0 up\nlink set eth0 up")
	forwards(t, "eth0")
	bridge(t, "vlan add dev eth0 vid 5\nvlan add dev eth2 vid 5\nfdb add 02:00:00:00:00:01 dev eth0 master dynamic vlan 5\n")
	want := read(t, "eth0", "{mac: '02:00:00:00:00:01'}")
	conform.Must(t, (kind{}).Create(t.Context(), lab.NS, want))
	if d := conform.Differences("eth0/02:00:00:00:00:01 static", look(t, lab)); d != "" {
		t.Errorf("made (-want +got):\n%s", d)
	}
	for _, vlan := range []string{"1", "5"} {
		fdb := bridge(t, "fdb show dev eth0 vlan "+vlan)
		if !strings.Contains(fdb, "02:00:00:00:00:01 vlan "+vlan+" master br0 static") {
			t.Errorf("made:\n%s", fdb)
		}
	}
	found, err := kind{}.observeWanted(lab.NS, []*Entry{want})
	conform.Must(t, err)
	conform.Must(t, (kind{}).Delete(t.Context(), lab.NS, found[0]))
	if d := conform.Differences("", look(t, lab)); d != "" {
		t.Errorf("deleted (-want +got):\n%s", d)
	}
	bridge(t, "fdb add 02:00:00:00:00:01 dev eth2 master static vlan 5\n")
	if err := (kind{}).Create(t.Context(), lab.NS, want); !errors.Is(err, unix.EEXIST) {
		t.Errorf("create where another's stands in one VLAN: %v", err)
	}
	if now := look(t, lab); !strings.Contains(now, "eth2/02:00:00:00:00:01 vlan 5 static") {
		t.Errorf("another's is gone: %s", now)
	}
}

// forwards waits until a port does: until then it takes static entries only.
func forwards(t *testing.T, port string) {
	t.Helper()
	script := "until bridge -n " + conform.LabName + " link show dev " + port + " | grep -q forwarding; do :; done"
	conform.Must(t, exec.CommandContext(t.Context(), "sh", "-c", script).Run())
}

func TestCreateWhereSomethingStands(t *testing.T) {
	const setup = bridged + `link add vx0 type vxlan id 7 dstport 4789 local 192.0.2.1
link set eth1 up
link set eth3 up
link set br0 up
link set eth0 up
link set eth2 up
`
	const on1, on2 = "fdb add 02:00:00:00:00:01 dev eth0 master ", "fdb add 02:00:00:00:00:01 dev eth2 master "
	inBridge, inVXLAN := read(t, "eth0", "{mac: '02:00:00:00:00:01'}"), read(t, "vx0", "{mac: '02:00:00:00:00:01', dst: 192.0.2.2}")
	for name, test := range map[string]struct {
		want          *Entry
		theirs, after string
		refused       bool
	}{
		"learnt here":            {inBridge, on1 + "dynamic", "eth0/02:00:00:00:00:01 static", false},
		"learnt on another port": {inBridge, on2 + "dynamic", "eth0/02:00:00:00:00:01 static", false},
		"as wanted":              {inBridge, on1 + "static", "eth0/02:00:00:00:00:01 static", false},
		"another's on its port":  {inBridge, on2 + "static", "eth2/02:00:00:00:00:01 static", true},
		"the bridge's own":       {inBridge, on1 + "local", "", true},
		"learnt by a VXLAN":      {inVXLAN, "fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.9 self dynamic", "vx0/02:00:00:00:00:01 self static", false},
		"a VXLAN's, as wanted":   {inVXLAN, "fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.2 self permanent", "vx0/02:00:00:00:00:01 self static", false},
		"another's in a VXLAN":   {inVXLAN, "fdb add 02:00:00:00:00:01 dev vx0 dst 192.0.2.9 self permanent", "vx0/02:00:00:00:00:01 self static", true},
	} {
		t.Run(name, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, setup)
			forwards(t, "eth0")
			forwards(t, "eth2")
			bridge(t, test.theirs)
			if err := (kind{}).Create(t.Context(), lab.NS, test.want); errors.Is(err, unix.EEXIST) != test.refused || (err != nil) != test.refused {
				t.Errorf("create: %v", err)
			}
			if d := conform.Differences(test.after, look(t, lab)); d != "" {
				t.Errorf("now (-want +got):\n%s", d)
			}
		})
	}
}

// What the bridge or somebody has moved goes back.
func TestMoved(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, bridged)
	want := read(t, "eth0", "{mac: '02:00:00:00:00:01'}")
	conform.Must(t, (kind{}).Create(t.Context(), lab.NS, want))
	bridge(t, "fdb replace 02:00:00:00:00:01 dev eth2 master static")
	found, err := kind{}.observeWanted(lab.NS, []*Entry{want})
	conform.Must(t, err)
	if d := conform.Differences([]string{"port: eth2 -> eth0"}, differences(want, found[0])); d != "" {
		t.Fatalf("differences (-want +got):\n%s", d)
	}
	// It is not deleted from where somebody has put it.
	conform.Must(t, (kind{}).Delete(t.Context(), lab.NS, found[0]))
	if d := conform.Differences("eth2/02:00:00:00:00:01 static", look(t, lab)); d != "" {
		t.Errorf("now (-want +got):\n%s", d)
	}
	conform.Must(t, (kind{}).Update(t.Context(), lab.NS, want, found[0]))
	if d := conform.Differences("eth0/02:00:00:00:00:01 static", look(t, lab)); d != "" {
		t.Errorf("now (-want +got):\n%s", d)
	}
}

func differences(want, have *Entry) []string { return reconcile.Strings((kind{}).Diff(want, have)) }

func TestWhereItCannotBe(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, bridged+"link add br1 type bridge\nlink add vx0 type vxlan id 7 dstport 4789 local 192.0.2.1\n")
	for _, test := range []struct {
		dev, entry, want string
		is               error
	}{
		{"eth7", "{mac: '02:00:00:00:00:01'}", "lab: look up eth7: no such device", unix.ENODEV},
		{"eth1", "{mac: '02:00:00:00:00:01'}", "eth1 is not a port of a bridge", observe.ErrPending},
		{"eth0", "{mac: '02:00:00:00:00:01', vlan: 5}", "invalid argument: eth0 is not in VLAN 5", unix.EINVAL},
		{"eth0", "{mac: '02:00:00:00:00:01', dst: 192.0.2.2}", "eth0 is no VXLAN: its entries have no dst", nil},
		{"vx0", "{mac: '02:00:00:00:00:01', dst: '2001:db8::2'}", "address family not supported by protocol", unix.EAFNOSUPPORT},
	} {
		want := read(t, test.dev, test.entry)
		found, err := kind{}.observeWanted(lab.NS, []*Entry{want})
		if len(found) > 0 || err != nil {
			t.Errorf("%s: found %v, %v", want.ID(), found, err)
		}
		err = kind{}.Create(t.Context(), lab.NS, want)
		if err == nil || err.Error() != test.want || (test.is != nil && !errors.Is(err, test.is)) {
			t.Errorf("%s: got %v, want %s", want.ID(), err, test.want)
		}
		conform.Must(t, (kind{}).Delete(t.Context(), lab.NS, want))
	}
}
