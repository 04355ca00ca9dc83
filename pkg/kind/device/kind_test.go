package device

import (
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/kind/link"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

func TestConform(t *testing.T) {
	on := func(dev, name string, on bool) spec.Resource {
		return &Switch{NS: conform.LabName, Dev: dev, Name: name, On: on}
	}
	conform.Conform(t, Kind, conform.Example{
		Setup: "link add eth0 type veth peer name eth1\nlink add br0 type bridge\nlink set br0 promisc on\n",
		Want: []spec.Resource{
			on("eth0", promisc, true), on("eth0", allMulticast, true), on("br0", promisc, false),
			on("eth0", "tcp-segmentation-offload", false), on("eth0", "generic-receive-offload", true), on("eth0", "rx-gro-list", true),
			on("eth1", "scatter-gather", false),
		},
		Changes: []conform.Change{
			conform.To(on("eth0", promisc, false), "value: true -> false"),
			conform.To(on("eth0", "tcp-segmentation-offload", true), "value: false -> true"),
			conform.To(on("eth0", "rx-gro-list", false), "value: true -> false"),
		},
	})
}

// An offload of which a driver has only some parts is those, and one that it cannot change is reported, as is one that the kernel
// does not have, or leaves off.
func TestWhatCannotBeSet(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add eth0 type veth peer name eth1")
	lab.IP(t, "link add eth2 link eth0 type macvlan")
	for _, test := range []struct {
		dev, name string
		on        bool
		want      string
	}{
		{"eth0", "large-receive-offload", true, "the driver of eth0 cannot change rx-lro"},
		{"eth0", "large-receive-offload", false, ""},
		{"eth0", "time-travel", true, "this kernel has no offload time-travel"},
		{"eth2", "generic-receive-offload", true, "the kernel leaves rx-gro of eth2 off: it depends on another offload, or on the interface below"},
		{"eth9", "generic-receive-offload", true, "lab: look up eth9: no such device"},
	} {
		want := &Switch{NS: conform.LabName, Dev: test.dev, Name: test.name, On: test.on}
		got := ""
		if err := (kind{}).Create(t.Context(), lab.NS, want); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", want.ID(), got, test.want)
		}
	}
}

// A switch that linkd set when it made the interface gets the state that the kernel gives to new ones.
func TestUsualStates(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add below type veth peer name beside")
	for _, typ := range link.Types {
		add := "link add new type " + typ.Name
		switch typ.Name {
		case "macvlan", "ipvlan", "macvtap":
			add = "link add link below name new type " + typ.Name
		case "vlan":
			add = "link add link below name new type vlan id 7"
		case "vxlan", "geneve":
			add += " id 7 remote 192.0.2.1"
		case "vrf":
			add += " table 7"
		case "gretap", "gre", "ipip", "sit":
			add += " local 192.0.2.1 remote 192.0.2.2"
		case "ip6gre", "ip6gretap", "ip6tnl":
			add += " local fd00::1 remote fd00::2"
		case "tun", "tap":
			add = "tuntap add new mode " + typ.Name
		case "xfrm":
			add += " if_id 7"
		case "existing":
			continue
		}
		if has, err := observe.MakesLinks(typ.Name); err != nil || !has {
			continue
		}
		lab.IP(t, add)
		lab.NS.Forget()
		l, err := lab.NS.LinkByName("new")
		conform.Must(t, err)
		offloads, err := lab.NS.Offloads("new")
		conform.Must(t, err)
		for name, p := range offloads {
			if !p.Fixed && p.Wanted != isUsual(l.Kind, name) {
				t.Errorf("a new %s has %s %s", typ.Name, name, onOff(p.Wanted))
			}
		}
		lab.IP(t, "link del new")
	}
}
