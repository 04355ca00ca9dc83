package link

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

var language = spec.Language{Link: Decoder(nil)}

// joined is the kind as the engine uses it: it observes the ends in the lab, connects them to their other ends in any namespace,
// and leaves out what the kernel changes.
type joined struct{ kind }

func (j joined) Observe(ctx context.Context, ns *observe.NS, _ reconcile.Query[*Link]) ([]*Link, error) {
	lab, err := j.observeAll(ctx, ns)
	if err != nil {
		return nil, err
	}
	host, err := ns.Other(spec.Host)
	if err != nil {
		return nil, err
	}
	host.Forget()
	theirs, err := j.observeAll(ctx, host)
	if err != nil {
		return nil, err
	}
	var found []spec.Resource
	for _, l := range slices.Concat(lab, theirs) {
		found = append(found, l)
	}
	found = Kind.Connect(found)
	for i := range lab {
		lab[i] = found[i].(*Link)
	}
	for _, r := range found {
		l := r.(*Link)
		l.found.link.Flags &= unix.IFF_UP
		// The other attributes of a bridge are running timers.
		maps.DeleteFunc(l.found.link.Data, func(attr uint16, _ []byte) bool {
			return l.Type == bridge.Name && !slices.ContainsFunc((&bridgeOptions{}).options(), func(o option) bool { return o.attr == int(attr) })
		})
	}
	return lab, nil
}

// read returns the end in the lab of the one link that an entry declares.
func read(t *testing.T, entry string) spec.Resource {
	t.Helper()
	for _, r := range conform.Read(t, language, "namespaces: {lab: {}}\nlinks:\n  cable: "+entry) {
		// An entry of a vxlan stands for forwarding entries, too.
		if r.ID().NS == conform.LabName && r.ID().Kind == "link" {
			return r
		}
	}
	t.Fatalf("no end in the lab: %s", entry)
	return nil
}

const theirs = `link add eth8 type veth peer name eth9
link add br9 type bridge
link set eth8 master br9 up alias theirs
`

func TestConform(t *testing.T) {
	for name, example := range map[string]conform.Example{
		"a veth between two namespaces": {
			Setup: theirs,
			Want:  []spec.Resource{read(t, `{kind: veth, ends: [{netns: lab, name: eth0, mac: "02:00:00:00:00:07"}, {name: eth7}]}`)},
			Changes: []conform.Change{
				conform.To(read(t, `{kind: veth, ends: [{netns: lab, name: eth0, mtu: 1400, mac: "02:00:00:00:00:01", txqueuelen: 7, up: false}, {name: eth7}]}`),
					"mac: 02:00:00:00:00:07 -> 02:00:00:00:00:01", "mtu: 1500 -> 1400", "txqueuelen: 1000 -> 7", "up: true -> false"),
				conform.To(read(t, `{kind: veth, ends: [{netns: lab, name: eth0}, {name: eth6}]}`),
					"peer: host/eth7 -> host/eth6 (replace)", "up: false -> true"),
			},
		},
		"queues": {
			Setup: theirs,
			Want: []spec.Resource{
				read(t, `{kind: veth, ends: [{netns: lab, name: eth0, queues: {tx: 3, rx: 2}}, {name: eth7, queues: {rx: 4}}]}`),
				read(t, `{kind: bridge, netns: lab, name: br0, queues: {tx: 2}}`),
			},
			Changes: []conform.Change{
				conform.To(read(t, `{kind: veth, ends: [{netns: lab, name: eth0, queues: {tx: 1, rx: 2}}, {name: eth7}]}`), "queues.tx: 3 -> 1 (replace)"),
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0, queues: {tx: 2, rx: 2}}`), "queues.rx: 1 -> 2 (replace)"),
			},
		},
		"a veth within one": {
			Setup: theirs,
			Want:  conform.Read(t, language, "namespaces: {lab: {}}\nlinks:\n  cable: {kind: veth, ends: [{netns: lab, name: eth0, mtu: 9000}, {netns: lab, name: eth1, mac: '02:00:00:00:00:02'}]}"),
			Changes: []conform.Change{
				conform.To(read(t, `{kind: veth, ends: [{netns: lab, name: eth0, mtu: 1400}, {netns: lab, name: eth1}]}`), "mtu: 9000 -> 1400"),
			},
		},
		"a bridge with all that it has": {
			Setup: theirs,
			Want: []spec.Resource{read(t, `{kind: bridge, netns: lab, name: br0, mtu: 1400, stp: true, priority: 4096, forward_delay: 400,
				hello_time: 150, max_age: 1000, ageing_time: 9000, mcast_snooping: false,
				mcast_querier: true, mcast_igmp_version: 3, group_fwd_mask: 0x4000}`)},
			Changes: []conform.Change{
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0, stp: false, priority: 8192, forward_delay: 500,
					hello_time: 160, max_age: 1100, ageing_time: 0, mcast_snooping: true}`),
					"stp: true -> false", "priority: 4096 -> 8192", "forward_delay: 400 -> 500", "hello_time: 150 -> 160",
					"max_age: 1000 -> 1100", "ageing_time: 9000 -> 0", "mcast_snooping: false -> true"),
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0, mcast_querier: false, mcast_igmp_version: 2, group_fwd_mask: 65528}`),
					"mcast_querier: true -> false", "mcast_igmp_version: 3 -> 2", "group_fwd_mask: 16384 -> 65528"),
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0}`)),
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0, stp: true}`), "stp: false -> true"),
				// The kernel limits the delay only with a spanning tree.
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0, stp: false, forward_delay: 0}`), "stp: true -> false", "forward_delay: 500 -> 0"),
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0, stp: true, forward_delay: 3000}`), "stp: false -> true", "forward_delay: 0 -> 3000"),
				// The kernel counts in ticks, which are not hundredths of a second.
				conform.To(read(t, `{kind: bridge, netns: lab, name: br0, forward_delay: 401, hello_time: 999, max_age: 601, ageing_time: 4294967295}`),
					"forward_delay: 3000 -> 401", "hello_time: 160 -> 999", "max_age: 1100 -> 601", "ageing_time: 0 -> 4294967295"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), example)
		})
	}
}

func TestConformBridgeOfVLANs(t *testing.T) {
	conform.NeedsBridgeVLAN(t)
	conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), conform.Example{
		Setup: theirs,
		Want:  []spec.Resource{read(t, "{kind: bridge, netns: lab, name: br0, vlan_filtering: true, vlan_default_pvid: 7, vlan_protocol: 802.1ad}")},
		Changes: []conform.Change{
			conform.To(read(t, "{kind: bridge, netns: lab, name: br0, vlan_filtering: true, vlan_default_pvid: 4094, vlan_protocol: 802.1q}"), "vlan_default_pvid: 7 -> 4094", "vlan_protocol: 802.1ad -> 802.1q"),
			conform.To(read(t, "{kind: bridge, netns: lab, name: br0, vlan_filtering: false, vlan_default_pvid: 0}"), "vlan_filtering: true -> false", "vlan_default_pvid: 4094 -> 0"),
		},
	})
}

// The parent is in the lab, or in another namespace, while the lab may have an interface with the same name.
func TestConformOnAParent(t *testing.T) {
	for _, test := range []struct {
		name, kind string
		want       string
		changes    [][]string // an entry, and what it says
	}{
		{"a macvlan", "macvlan", `{kind: macvlan, netns: lab, name: eth0, parent: PARENT, mode: bridge, bcqueuelen: 500, mac: "02:00:00:00:00:07"}`, [][]string{
			{`{kind: macvlan, netns: lab, name: eth0, parent: PARENT, mode: private, bcqueuelen: 2000, mtu: 1400}`, "mtu: 1500 -> 1400", "mode: bridge -> private", "bcqueuelen: 500 -> 2000"},
			{`{kind: macvlan, netns: lab, name: eth0, parent: PARENT, mode: passthru}`, "mode: private -> passthru (replace)"},
			{`{kind: macvlan, netns: lab, name: eth0, parent: OTHER}`, "parent: PARENT -> OTHER (replace)"},
		}},
		{"an ipvlan", "ipvlan", `{kind: ipvlan, netns: lab, name: eth0, parent: PARENT, mode: l2, flag: private}`, [][]string{
			{`{kind: ipvlan, netns: lab, name: eth0, parent: PARENT, mode: l3s, flag: vepa, up: false}`, "up: true -> false", "mode: l2 -> l3s", "flag: private -> vepa"},
			{`{kind: ipvlan, netns: lab, name: eth0, parent: OTHER, mode: l3}`, "parent: PARENT -> OTHER (replace)", "up: false -> true", "mode: l3s -> l3"},
		}},
		{"a vlan", "vlan", `{kind: vlan, netns: lab, name: eth0, parent: PARENT, id: 7}`, [][]string{
			{`{kind: vlan, netns: lab, name: eth0, parent: PARENT, id: 8, mtu: 1400}`, "mtu: 1500 -> 1400", "id: 7 -> 8 (replace)"},
			{`{kind: vlan, netns: lab, name: eth0, parent: PARENT, id: 8, protocol: 802.1ad}`, "protocol: 802.1q -> 802.1ad (replace)"},
			{`{kind: vlan, netns: lab, name: eth0, parent: OTHER, id: 8}`, "parent: PARENT -> OTHER (replace)"},
		}},
		{"a vxlan", "vxlan", `{kind: vxlan, netns: lab, name: eth0, parent: PARENT, id: 7, group: 239.1.1.1}`, [][]string{
			{`{kind: vxlan, netns: lab, name: eth0, parent: PARENT, id: 7, group: 239.1.1.1, local: 192.0.2.1, learning: false, ttl: 9}`,
				"local: (none) -> 192.0.2.1", "learning: true -> false", "ttl: auto -> 9"},
			{`{kind: vxlan, netns: lab, name: eth0, parent: PARENT, id: 8, group: 239.1.1.2}`, "id: 7 -> 8 (replace)", "group: 239.1.1.1 -> 239.1.1.2 (replace)"},
			{`{kind: vxlan, netns: lab, name: eth0, parent: PARENT, id: 8, group: "ff05::7"}`, "group: 239.1.1.2 -> ff05::7 (replace)"},
			{`{kind: vxlan, netns: lab, name: eth0, parent: OTHER, id: 8, group: "ff05::7"}`, "parent: PARENT -> OTHER (replace)"},
		}},
	} {
		for place, names := range map[string][2]string{"in the same namespace": {"lab/eth6", "lab/eth7"}, "in another": {"host/eth0", "host/eth7"}} {
			t.Run(test.name+" "+place, func(t *testing.T) {
				conform.NeedsLink(t, test.kind)
				theirs := "link add eth6 type veth peer name eth7\nlink set eth6 up\nlink set eth7 up\n" + theirs
				if strings.HasPrefix(names[0], "host/") {
					conform.IP(t, "link add eth0 type veth peer name eth7")
					conform.IP(t, "link set eth0 up")
					conform.IP(t, "link set eth7 up")
					t.Cleanup(func() { conform.IP(t, "link del eth0") })
				}
				entry := func(text string) spec.Resource {
					for i, word := range []string{"PARENT", "OTHER"} {
						ns, name, _ := strings.Cut(names[i], "/")
						text = strings.ReplaceAll(text, word, "{netns: "+ns+", name: "+name+"}")
					}
					return read(t, text)
				}
				example := conform.Example{Setup: theirs, Want: []spec.Resource{entry(test.want)}}
				for _, change := range test.changes {
					var says []string
					for _, text := range change[1:] {
						says = append(says, strings.NewReplacer("PARENT", names[0], "OTHER", names[1]).Replace(text))
					}
					example.Changes = append(example.Changes, conform.To(entry(change[0]), says...))
				}
				conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), example)
			})
		}
	}
}

func TestConformVRF(t *testing.T) {
	conform.NeedsLink(t, "vrf")
	conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), conform.Example{
		Setup: theirs,
		Want:  []spec.Resource{read(t, "{kind: vrf, netns: lab, name: red, table: 10}")},
		Changes: []conform.Change{
			conform.To(read(t, "{kind: vrf, netns: lab, name: red, table: 11}"), "table: 10 -> 11 (replace)"),
		},
	})
}

// pair creates a veth between the lab and the host.
func pair(t *testing.T) (*conform.Lab, *Link) {
	t.Helper()
	lab := conform.Open(t)
	want := read(t, "{kind: veth, ends: [{netns: lab, name: eth0}, {name: eth7}]}").(*Link)
	for _, end := range []*Link{want, want.Peer} {
		ns, err := lab.World.Open(end.NS)
		conform.Must(t, err)
		conform.Must(t, (kind{}).Create(t.Context(), ns, end))
	}
	return lab, want
}

// find returns the observed link in the place of want, connected; nil if there is none.
func find(t *testing.T, lab *conform.Lab, want *Link) *Link {
	t.Helper()
	lab.NS.Forget()
	found, err := joined{}.Observe(t.Context(), lab.NS, reconcile.Query[*Link]{})
	conform.Must(t, err)
	for _, l := range found {
		if l.ID() == want.ID() {
			return l
		}
	}
	return nil
}

func differences(want, have *Link) []string { return reconcile.Strings((kind{}).Diff(want, have)) }

func TestAnEndThatSomebodyMoves(t *testing.T) {
	lab, want := pair(t)
	if says := differences(want, find(t, lab, want)); len(says) > 0 {
		t.Fatalf("made, and %q", says)
	}
	host := lab.World.Host()
	index, err := host.Index("eth7")
	conform.Must(t, err)
	// Kernels before 6.2 rename only interfaces that are down.
	down := false
	conform.Must(t, set(host, index, &down))
	conform.Must(t, set(host, index, nil, nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("eth6"))))
	if d := conform.Differences([]string{"peer: host/eth6 -> host/eth7"}, differences(want, find(t, lab, want))); d != "" {
		t.Errorf("renamed (-want +got):\n%s", d)
	}
	conform.Must(t, set(host, index, nil, nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(lab.NS.FD())))))
	if d := conform.Differences([]string{"peer: lab/eth6 -> host/eth7"}, differences(want, find(t, lab, want))); d != "" {
		t.Errorf("moved (-want +got):\n%s", d)
	}
}

// Between the observation and the deletion, another interface may take the name.
func TestDeleteSparesWhatCameLater(t *testing.T) {
	lab, want := pair(t)
	have := find(t, lab, want)
	lab.IP(t, "link del eth0\nlink add eth0 type bridge")
	conform.Must(t, (kind{}).Delete(t.Context(), lab.NS, have))
	if now := find(t, lab, want); now == nil || now.Type != "bridge" {
		t.Errorf("the other's is now %+v", now)
	}
	lab.IP(t, "link del eth0")
	conform.Must(t, (kind{}).Delete(t.Context(), lab.NS, have))
}

// linkd creates both ends or neither, and leaves foreign interfaces alone.
func TestCreateWhereSomethingStands(t *testing.T) {
	for name, theirs := range map[string]string{
		"in place of this end":      "link add eth0 type bridge",
		"in place of the other end": "link add eth1 type bridge",
	} {
		t.Run(name, func(t *testing.T) {
			lab := conform.Open(t)
			lab.IP(t, theirs)
			before, err := lab.NS.Links(t.Context())
			conform.Must(t, err)
			want := read(t, "{kind: veth, ends: [{netns: lab, name: eth0}, {netns: lab, name: eth1}]}").(*Link)
			if err := (kind{}).Create(t.Context(), lab.NS, want); !errors.Is(err, unix.EEXIST) {
				t.Errorf("create: %v", err)
			}
			after, err := lab.NS.Links(t.Context())
			conform.Must(t, err)
			if d := conform.Differences(before, after); d != "" {
				t.Errorf("links (-before +after):\n%s", d)
			}
		})
	}
}

// linkd deletes what it made for an earlier form of a pair.
func TestCreateWhereTheOtherEndIsStale(t *testing.T) {
	lab, _ := pair(t)
	want := read(t, "{kind: veth, ends: [{netns: lab, name: eth1}, {name: eth7}]}").(*Link)
	conform.Must(t, (kind{}).Create(t.Context(), lab.NS, want))
	if have := find(t, lab, want); have == nil || have.Peer == nil || have.Peer.ID() != want.Peer.ID() {
		t.Errorf("made %+v", have)
	}
}

// Root in a namespace can create an end there with linkd's mark, and requests with the other end's name would match any interface
// with that alternative name.
func TestAnEndWithAMarkIsNotThePair(t *testing.T) {
	lab := conform.Open(t)
	conform.IP(t, "link add theirs type bridge")
	t.Cleanup(func() { conform.IP(t, "link del theirs") })
	conform.IP(t, "link set theirs alias linkd:another")
	conform.IP(t, "link property add dev theirs altname eth5")
	lab.IP(t, "link add eth0 type veth peer name x\nlink set eth0 alias linkd:cable")
	want := read(t, "{kind: veth, ends: [{netns: lab, name: eth0}, {name: eth5}]}").(*Link)
	host := lab.World.Host()
	for _, step := range []struct {
		ns   *observe.NS
		want *Link
	}{{lab.NS, want}, {host, want.Peer}} {
		if err := (kind{}).Create(t.Context(), step.ns, step.want); !errors.Is(err, unix.EEXIST) {
			t.Errorf("create %s: %v", step.want.ID(), err)
		}
	}
	if theirs, err := host.LinkByName("theirs"); err != nil || theirs.Up() || theirs.Alias != "linkd:another" {
		t.Errorf("the host's is %+v: %v", theirs, err)
	}
}

// Creating a pair that exists succeeds.
func TestCreateWhatIsThere(t *testing.T) {
	lab := conform.Open(t)
	inside := read(t, "{kind: veth, ends: [{netns: lab, name: eth1}, {netns: lab, name: eth2}]}").(*Link)
	for range 2 {
		conform.Must(t, (kind{}).Create(t.Context(), lab.NS, inside))
		conform.Must(t, (kind{}).Create(t.Context(), lab.NS, inside.Peer))
	}
	backwards := read(t, "{kind: veth, ends: [{name: eth8}, {netns: lab, name: eth3}]}").(*Link).Peer
	for range 2 {
		conform.Must(t, (kind{}).Create(t.Context(), lab.World.Host(), backwards))
		conform.Must(t, (kind{}).Create(t.Context(), lab.NS, backwards.Peer))
	}
	forwards := read(t, "{kind: veth, ends: [{netns: lab, name: eth4}, {name: eth9}]}").(*Link)
	for range 2 {
		conform.Must(t, (kind{}).Create(t.Context(), lab.NS, forwards))
		conform.Must(t, (kind{}).Create(t.Context(), lab.World.Host(), forwards.Peer))
	}
	conform.IP(t, "link del eth8")
	conform.IP(t, "link del eth9")
}

func TestWhatIsWrongWithALink(t *testing.T) {
	for _, test := range []struct{ entry, want string }{
		{"{name: eth0}", `a.yaml:3:10: "kind" is missing: one of ` + names()},
		{"{kind: [veth]}", `a.yaml:3:10: "kind" is missing: one of ` + names()},
		{"{kind: bridg}", `a.yaml:3:17: kind "bridg" is not one of ` + names() + `; did you mean "bridge"?`},
		{"{kind: veth}", `a.yaml:3:10: "ends" is missing`},
		{"{kind: veth, ends: [{}]}", `a.yaml:3:29: a veth has exactly two ends, not 1`},
		{"{kind: veth, ends: [{}, {name: b}], mtu: 1500}", `a.yaml:3:46: unknown key "mtu"`},
		{"{kind: veth, ends: [{name: a}, {name: a}]}", `a.yaml:3:41: host/link/a is declared twice, first in a.yaml:3`},
		{"{kind: bridge, mtu: 65536}", "a.yaml:3:30: the mtu of a bridge is at most 65535"},
		{"{kind: veth, ends: [{mtu: 70000}, {name: b}]}", "a.yaml:3:36: the mtu of a veth is at most 65535"},
		{"{kind: vrf, table: 7, mtu: 65576}", "a.yaml:3:37: the mtu of a vrf is at most 65575"},
		{"{kind: existing, name: lo, mtu: 65536}", ""},
		{"{kind: bridge, mtu: 67, txqueuelen: -1}", "a.yaml:3:30: mtu is 68 to 2147483647\na.yaml:3:46: txqueuelen is 0 to 2147483647"},
		{"{kind: bridge, ends: []}", `a.yaml:3:25: unknown key "ends"`},
		{"{kind: bridge, priority: 99999, vlan_default_pvid: 4095}", "a.yaml:3:35: priority is 0 to 65535\na.yaml:3:61: vlan_default_pvid is 0 to 4094"},
		{"{kind: bridge, hello_time: 99, max_age: 4001}", "a.yaml:3:37: hello_time is 100 to 1000\na.yaml:3:50: max_age is 600 to 4000"},
		{"{kind: bridge, stp: true, forward_delay: 199}", "a.yaml:3:51: forward_delay is 200 to 3000 with stp: true"},
		{"{kind: bridge, forward_delay: 3001, stp: true}", "a.yaml:3:40: forward_delay is 200 to 3000 with stp: true"},
		{"{kind: bridge, stp: false, forward_delay: 0}", ""},
		{"{kind: bridge, stp: 1}", `a.yaml:3:30: expected true or false, found "1"`},
		{"{kind: macvlan}", `a.yaml:3:10: "parent" is missing`},
		{"{kind: macvlan, parent: cable}", "a.yaml:3:3: a cycle: host/link/cable needs host/link/cable"},
		{"{kind: macvlan, parent: {netns: lab}}", `a.yaml:3:34: "name" is missing`},
		{"{kind: macvlan, parent: {netns: labs, name: eth0}}", `a.yaml:3:42: namespace "labs" is not declared; did you mean "lab"?`},
		{"{kind: macvlan, parent: eth0, mode: l2}", `a.yaml:3:46: mode "l2" is not one of private, vepa, bridge, passthru, source`},
		{"{kind: bridge, parent: eth0}", `a.yaml:3:25: unknown key "parent"`},
		{"{kind: vlan, parent: eth0}", `a.yaml:3:10: "id" is missing`},
		{"{kind: vlan, parent: eth0, id: 4095}", "a.yaml:3:41: id is 0 to 4094"},
		{"{kind: vlan, parent: eth0, id: 4}\n  other: {kind: vlan, parent: eth0, id: 4, protocol: 802.1q}",
			"a.yaml:4:3: 802.1q VLAN 4 on host/link/eth0 is claimed twice, first in a.yaml:3"},
		{"{kind: ipvlan, parent: eth0, mode: l2}\n  other: {kind: ipvlan, netns: lab, parent: eth0, mode: l3}",
			"a.yaml:4:3: the mode of the ipvlans on host/link/eth0 is l3 here, and l2 in a.yaml:3"},
		{"{kind: vlan, parent: other, id: 1}\n  other: {kind: vlan, parent: cable, id: 1}",
			"a.yaml:3:3: a cycle: host/link/cable needs host/link/other needs host/link/cable"},
		{"{kind: vrf, table: 0}", "a.yaml:3:29: there is no table 0"},
		{"{kind: existing, adopt: true}", `a.yaml:3:10: an existing link is never linkd's own: leave out adopt`},
		{"{kind: existing, from_name: eth1}", "a.yaml:3:38: from_name is what the interface is called where it is fetched from: from is missing"},
		{"{kind: existing, from: nowhere}", `a.yaml:3:33: namespace "nowhere" is not declared`},
		{"{kind: existing, from: lab, from_name: a/b}", `a.yaml:3:49: interface name "a/b": '/' is not allowed`},
		{"{kind: existing, netns: lab, from: name:lab}", "a.yaml:3:45: lab/cable is in its declared place already: leave out from"},
		{"{kind: bridge, from: lab}", `a.yaml:3:25: unknown key "from"`},
		{"{kind: existing, from: lab, name: eth0, from_name: eth1}\n  other: {kind: existing, netns: lab, from: lab, from_name: eth1}",
			"a.yaml:4:3: lab/link/eth1 is claimed twice, first in a.yaml:3"},
		{"{kind: existing, from: lab, from_name: eth1}\n  other: {kind: existing, netns: lab, name: eth1}",
			"a.yaml:3:3: lab/link/eth1 is fetched away here, and declared in a.yaml:4"},
		{"{kind: bridge, netns: lab, name: eth1}\n  other: {kind: existing, from: lab, from_name: eth1}",
			"a.yaml:4:3: lab/link/eth1 is fetched away here, and declared in a.yaml:3"},
		{"{kind: existing, from: 'process:" + strings.Repeat("a b ", 30) + "'}",
			"a.yaml:3:33: linkd notes down in an alternative name of the interface what it is and where it is from, in 263 bytes here, and the kernel takes 127: give the link a shorter ID, or the namespace a shorter selector"},
		{"{kind: existing, netns: nowhere}", `a.yaml:3:34: namespace "nowhere" is not declared`},
	} {
		_, errs := conform.Compile(language, "namespaces: {lab: {}}\nlinks:\n  cable: "+test.entry)
		if errs != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.entry, errs, test.want)
		}
	}
	if _, errs := conform.Compile(language, "links:\n  a-name-of-16-byt: {kind: bridge}"); !strings.HasPrefix(errs, `a.yaml:2:21: "name" is missing, and the link's ID cannot stand for it: interface name "a-name-of-16-byt" has 16 bytes`) {
		t.Errorf("a long ID: %s", errs)
	}
}

func names() string {
	var names []string
	for _, t := range Types {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// A parent is in the link's own namespace if the files declare it there, and in the host otherwise.
func TestWhichParentIsMeant(t *testing.T) {
	for _, test := range []struct{ links, want string }{
		{"m0: {kind: macvlan, netns: lab, name: eth0, parent: eth0}", "host/eth0"},
		{"m0: {kind: macvlan, netns: lab, parent: br0}, br0: {kind: bridge, netns: lab}", "lab/br0"},
		{"m0: {kind: macvlan, netns: lab, parent: br0}, br0: {kind: bridge}", "host/br0"},
		{"m0: {kind: macvlan, netns: lab, parent: {netns: host, name: br0}}, br0: {kind: bridge, netns: lab}", "host/br0"},
		{"m0: {kind: macvlan, parent: br0}, br0: {kind: bridge, netns: lab}", "host/br0"},
		{"m0: {kind: macvlan, netns: lab, parent: br0}, br0: {kind: bridge}, br1: {kind: bridge, netns: lab, name: br0}",
			"a.yaml:2:49: parent br0 is a link in lab, and in host too: say which with {netns, name}"},
	} {
		resources, got := conform.Compile(language, "namespaces: {lab: {}}\nlinks: {"+test.links+"}")
		for _, r := range resources {
			if l := r.(*Link); got == "" && l.Type == macvlan.Name {
				got = end(l.Parent)
			}
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.links, got, test.want)
		}
	}
}
