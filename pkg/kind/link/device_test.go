package link

import (
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Kinds of link that stand alone.
func TestConformDevices(t *testing.T) {
	for kind, test := range map[string]struct {
		want    string
		changes [][]string // an entry, and what it says
	}{
		"geneve": {"id: 7, remote: 192.0.2.2", [][]string{
			{"id: 7, remote: 192.0.2.3, ttl: 9", "remote: 192.0.2.2 -> 192.0.2.3", "ttl: auto -> 9"},
			{"id: 8, remote: 192.0.2.3, dstport: 7", "id: 7 -> 8 (replace)", "dstport: 6081 -> 7 (replace)"},
			{"id: 8, remote: 'fd00::1'", "remote: 192.0.2.3 -> fd00::1 (replace)"},
		}},
		"ifb":  {"mac: '02:00:00:00:00:07'", [][]string{{"mtu: 1400, txqueuelen: 64, mac: '02:00:00:00:00:01'", "mac: 02:00:00:00:00:07 -> 02:00:00:00:00:01 (replace)", "mtu: 1500 -> 1400", "txqueuelen: 32 -> 64"}}},
		"vcan": {"mtu: 72", [][]string{{"mtu: 2060", "mtu: 72 -> 2060"}, {"up: false", "up: true -> false"}}},
		"xfrm": {"if_id: 7", [][]string{{"if_id: 4294967295, mtu: 1400", "mtu: 1500 -> 1400", "if_id: 7 -> 4294967295"}, {"if_id: 7, birth: host", "birth: lab -> host (replace)", "if_id: 4294967295 -> 7"}}},
		"tun": {"owner: 7", [][]string{
			{"owner: 8, group: 9", "owner: 7 -> 8", "group: (none) -> 9"},
			{"owner: 8, pi: true, multi_queue: true", "multi_queue: false -> true (replace)"},
			// A program that attaches says this.
			{"owner: 8, pi: false"},
			{"owner: 0, mtu: 1400", "mtu: 1500 -> 1400", "owner: 8 -> 0"},
		}},
		"tap": {"owner: 7, vnet_hdr: true, mac: '02:00:00:00:00:07'", [][]string{
			{"group: 8, mac: '02:00:00:00:00:01', txqueuelen: 500", "mac: 02:00:00:00:00:07 -> 02:00:00:00:00:01", "txqueuelen: 1000 -> 500", "group: (none) -> 8"},
			{"vnet_hdr: false"},
		}},
		"bond": {"mode: 802.3ad, miimon: 50, updelay: 100, downdelay: 100, lacp_rate: fast, xmit_hash_policy: layer3+4, min_links: 1, ad_select: count", [][]string{
			{"mode: 802.3ad, miimon: 100, updelay: 200, downdelay: 0, xmit_hash_policy: layer2+3, min_links: 0, all_slaves_active: true, resend_igmp: 3, num_grat_arp: 4",
				"miimon: 50 -> 100", "updelay: 100 -> 200", "downdelay: 100 -> 0", "xmit_hash_policy: layer3+4 -> layer2+3", "resend_igmp: 1 -> 3", "num_grat_arp: 1 -> 4",
				"all_slaves_active: false -> true", "min_links: 1 -> 0"},
			{"mode: 802.3ad, lacp_rate: slow", "lacp_rate: fast -> slow (replace)"},
			{"mode: active-backup, arp_interval: 100, arp_ip_target: [192.0.2.1, 192.0.2.2], primary_reselect: failure, fail_over_mac: active",
				"mode: 802.3ad -> active-backup (replace)", "arp_interval: 0 -> 100", "arp_ip_target: (none) -> 192.0.2.1,192.0.2.2",
				"primary_reselect: always -> failure", "fail_over_mac: none -> active (replace)"},
			{"mode: active-backup, arp_interval: 200, arp_ip_target: [192.0.2.2], primary_reselect: better", "arp_interval: 100 -> 200",
				"arp_ip_target: 192.0.2.1,192.0.2.2 -> 192.0.2.2", "primary_reselect: failure -> better"},
		}},
	} {
		t.Run(kind, func(t *testing.T) {
			conform.NeedsLink(t, kind)
			entry := func(keys string) spec.Resource {
				return read(t, "{kind: "+kind+", netns: lab, name: dev7, "+keys+"}")
			}
			example := conform.Example{Setup: theirs, Want: []spec.Resource{entry(test.want)}}
			for _, change := range test.changes {
				example.Changes = append(example.Changes, conform.To(entry(change[0]), append([]string(nil), change[1:]...)...))
			}
			conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), example)
		})
	}
}

// Pairs other than veth, with an end in another namespace and within one.
func TestConformPairs(t *testing.T) { conformPair(t, vxcan.Name, "", "mtu: 72 -> 2060", "mtu: 2060") }

func TestConformNetkit(t *testing.T) {
	conformPair(t, netkit.Name, "mode: l2, scrub: none, ", "mtu: 1500 -> 1400", "mtu: 1400")
}

// conformPair checks a kind with keys, with its other end in another namespace and in the same. Other is another MTU, and says the
// difference.
func conformPair(t *testing.T, kind, keys, says, other string) {
	conform.NeedsLink(t, kind)
	entry := func(first, second string) spec.Resource {
		return read(t, "{kind: "+kind+", "+keys+"ends: [{netns: lab, name: end0"+first+"}, {name: "+second+"}]}")
	}
	t.Run("between two", func(t *testing.T) {
		conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), conform.Example{
			Setup: theirs,
			Want:  []spec.Resource{entry("", "end1")},
			Changes: []conform.Change{
				conform.To(entry(", "+other, "end1"), says),
				conform.To(entry("", "end2"), "peer: host/end1 -> host/end2 (replace)"),
			},
		})
	})
	t.Run("within one", func(t *testing.T) {
		conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), conform.Example{
			Setup: theirs,
			Want:  conform.Read(t, language, "namespaces: {lab: {}}\nlinks:\n  cable: {kind: "+kind+", ends: [{netns: lab, name: end0}, {netns: lab, name: end1, up: false}]}"),
		})
	})
}

// A netkit that says nothing is one of layer 3, and another mode is another one.
func TestConformNetkitModes(t *testing.T) {
	conform.NeedsLink(t, netkit.Name)
	entry := func(keys string) spec.Resource {
		return read(t, "{kind: netkit, "+keys+"ends: [{netns: lab, name: end0}, {name: end1}]}")
	}
	conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), conform.Example{
		Setup: theirs,
		Want:  []spec.Resource{entry("")},
		Changes: []conform.Change{
			conform.To(entry("mode: l3, scrub: default, ")),
			conform.To(entry("mode: l2, scrub: none, "), "mode: l3 -> l2 (replace)", "scrub: default -> none (replace)"),
		},
	})
}

func TestWhatIsWrongWithADevice(t *testing.T) {
	for _, test := range []struct{ entry, want string }{
		{"{kind: geneve, id: 7}", `a.yaml:3:6: "remote" is missing`},
		{"{kind: geneve, id: 7, remote: 239.1.1.1}", "a.yaml:3:36: 239.1.1.1 is a multicast address: no host has it"},
		{"{kind: xfrm}", `a.yaml:3:6: "if_id" is missing`},
		{"{kind: xfrm, if_id: 7}\n  w: {kind: xfrm, if_id: 7}", "a.yaml:4:3: xfrm interface 7 of host is claimed twice, first in a.yaml:3"},
		{"{kind: tun, owner: no-such-user}", `a.yaml:3:25: there is no user "no-such-user" on this machine: create it, or write its number`},
		{"{kind: tap, owner: root, group: 0}", ""},
		{"{kind: vcan, mtu: 9000}", "a.yaml:3:24: the mtu of a vcan is at most 2060"},
		{"{kind: vcan, mac: '02:00:00:00:00:01'}", "a.yaml:3:24: a vcan has no link-layer address that can be set"},
		{"{kind: bond, primary: eth0}", "a.yaml:3:28: a bond of the mode balance-rr has no primary port"},
		{"{kind: bond, lacp_rate: fast}", "a.yaml:3:30: lacp_rate is of LACP, so mode: 802.3ad is needed"},
		{"{kind: bond, miimon: 1, arp_interval: 1}", "a.yaml:3:44: miimon and arp_interval are two ways to watch the ports: choose one"},
		{"{kind: bond, arp_ip_target: [192.0.2.1]}", "a.yaml:3:34: arp_ip_target needs arp_interval"},
		{"{kind: bond, arp_ip_target: ['fd00::1']}", "a.yaml:3:35: fd00::1: ARP is of IPv4"},
		{"{kind: netkit, mode: l4, ends: [{name: a}, {name: b}]}", `a.yaml:3:27: mode "l4" is not one of l2, l3; did you mean "l2"?`},
	} {
		_, errs := conform.Compile(language, "namespaces: {lab: {}}\nlinks:\n  v: "+test.entry)
		if errs != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.entry, errs, test.want)
		}
	}
}
