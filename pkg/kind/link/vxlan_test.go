package link

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/kind/conform"
	"linkd/pkg/kind/fdb"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// vxlans returns the links of an entry; its remotes are of another kind.
func vxlans(t *testing.T, entry string) (links []spec.Resource) {
	t.Helper()
	for _, r := range conform.Read(t, language, "namespaces: {lab: {}}\nlinks:\n  cable: "+entry) {
		if r.ID().Kind == "link" {
			links = append(links, r)
		}
	}
	return links
}

func TestConformVXLAN(t *testing.T) {
	conform.NeedsLink(t, vxlan.Name)
	to := func(entry string, says ...string) conform.Change {
		return conform.To(vxlans(t, "{kind: vxlan, netns: lab, name: vx0, "+entry)[0], says...)
	}
	for name, example := range map[string]conform.Example{
		"over IPv4": {
			Setup: theirs + "link add vx9 type vxlan id 9 dstport 4789 local 192.0.2.1\n",
			Want:  vxlans(t, "{kind: vxlan, netns: lab, name: vx0, id: 7, local: 192.0.2.1, remotes: [192.0.2.2]}"),
			Changes: []conform.Change{
				to("id: 7, local: 192.0.2.9, learning: false, ttl: 64}", "local: 192.0.2.1 -> 192.0.2.9", "learning: true -> false", "ttl: auto -> 64"),
				to("id: 7, ttl: auto, learning: true, mtu: 1400}", "mtu: 1500 -> 1400", "learning: false -> true", "ttl: 64 -> auto"),
				to("id: 7, mtu: 1500}", "mtu: 1400 -> 1500"),
				to("id: 16777215, remotes: []}", "id: 7 -> 16777215 (replace)"),
				to("id: 16777215, dstport: 8472}", "dstport: 4789 -> 8472 (replace)"),
				to("id: 7, dstport: 8472, local: 'fd00::1'}", "id: 16777215 -> 7 (replace)", "local: (none) -> fd00::1"),
				to("id: 7, dstport: 8472, local: 192.0.2.1}", "local: fd00::1 -> 192.0.2.1 (replace)"),
			},
		},
		"of which each packet tells": {
			Setup: theirs,
			Want:  vxlans(t, "{kind: vxlan, netns: lab, name: vx0, external: true, srcport: 1000-2000}"),
			Changes: []conform.Change{
				to("external: true, srcport: 1000-2001}", "srcport: 1000-2000 -> 1000-2001 (replace)"),
				to("id: 7, external: false}", "id: 0 -> 7 (replace)", "external: true -> false (replace)"),
			},
		},
		"over IPv6, of which only a remote tells": {
			Setup:   "link add vx9 type vxlan id 7 dstport 4789 local 192.0.2.1\n",
			Want:    vxlans(t, "{kind: vxlan, netns: lab, name: vx0, id: 7, remotes: ['fd00::2']}"),
			Changes: []conform.Change{to("id: 7, local: 'fd00::1', remotes: ['fd00::2']}", "local: (none) -> fd00::1")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), example)
		})
	}
}

// A group or a host that a foreign command set is not the desired state if the files list the remotes.
func TestAVXLANWithAHostOfItsOwn(t *testing.T) {
	lab := conform.Open(t)
	lab.IP(t, "link add vx0 type vxlan id 7 dstport 4789 remote 192.0.2.9\nlink set vx0 alias linkd:cable")
	want := vxlans(t, "{kind: vxlan, netns: lab, name: vx0, id: 7, remotes: [192.0.2.2]}")[0].(*Link)
	want.Up = nil
	if d := conform.Differences([]string{"group: 192.0.2.9 -> (none)"}, differences(want, find(t, lab, want))); d != "" {
		t.Errorf("differences (-want +got):\n%s", d)
	}
}

// The remotes of a vxlan are entries of its forwarding database.
func TestTheRemotesOfAVXLAN(t *testing.T) {
	resources := conform.Read(t, language, "links:\n  vx0: {kind: vxlan, id: 7, remotes: [192.0.2.2,\n    192.0.2.3]}")
	var says []string
	for _, r := range resources {
		says = append(says, r.ID().String()+" "+r.Origin().String())
	}
	want := []string{
		"host/fdb/vx0/00:00:00:00:00:00 dst 192.0.2.2 a.yaml:2",
		"host/fdb/vx0/00:00:00:00:00:00 dst 192.0.2.3 a.yaml:3",
		"host/link/vx0 a.yaml:2",
	}
	if d := cmp.Diff(want, says); d != "" {
		t.Errorf("resources (-want +got):\n%s", d)
	}
}

func TestWhatIsWrongWithAVXLAN(t *testing.T) {
	language := spec.Language{Link: Decoder([]spec.Key{fdb.Key()})}
	for _, test := range []struct{ entry, want string }{
		{"{kind: vxlan, id: 7, fdb: [{mac: '02:00:00:00:00:01', dst: 'fd00::2'}]}",
			"a.yaml:3:33: 02:00:00:00:00:01: fd00::2 is of another address family than the hosts of v (local, group, remotes)"},
		{"{kind: vxlan, id: 7, remotes: ['fd00::2'], fdb: [{mac: '02:00:00:00:00:01', dst: 'fd00::2'}]}", ""},
		{"{kind: bridge, fdb: [{mac: '02:00:00:00:00:01', dst: 192.0.2.1}]}",
			"a.yaml:3:27: 02:00:00:00:00:01: v is a bridge, and only the entries of a vxlan have dst"},
		{"{kind: vxlan}", "a.yaml:3:6: a vxlan needs id, or external: true"},
		{"{kind: vxlan, id: 7, external: true}", "a.yaml:3:24: with external, each packet says its number: leave out id"},
		{"{kind: vxlan, id: 7, vnifilter: true}", "a.yaml:3:38: vnifilter needs external: true"},
		{"{kind: vxlan, external: true, vnifilter: true, srcport: 1-65535}", ""},
		{"{kind: vxlan, id: 7, srcport: 2-1}", "a.yaml:3:36: srcport is a range of ports, such as 49152-65535"},
		{"{kind: vxlan, id: 0}", "a.yaml:3:24: id is 1 to 16777215"},
		{"{kind: vxlan, id: 16777216}", "a.yaml:3:24: id is 1 to 16777215"},
		{"{kind: vxlan, id: 7, dstport: 65536}", "a.yaml:3:36: dstport is 1 to 65535"},
		{"{kind: vxlan, id: 7, ttl: 256}", "a.yaml:3:32: ttl is 1 to 255, or auto"},
		{"{kind: vxlan, id: 7, ttl: long}", `a.yaml:3:32: expected a whole number, found "long"`},
		{"{kind: vxlan, id: 7, group: 192.0.2.1}", "a.yaml:3:34: 192.0.2.1 is not a multicast address: write remotes: [192.0.2.1]"},
		{"{kind: vxlan, id: 7, group: 239.1.1.1}", "a.yaml:3:34: a group is joined on an interface: parent is missing"},
		{"{kind: vxlan, id: 7, parent: eth0, group: 239.1.1.1, remotes: [192.0.2.1]}", "a.yaml:3:48: group and remotes are two ways to reach the others: choose one"},
		{"{kind: vxlan, id: 7, parent: eth0, group: 239.1.1.1, local: 'fd00::1'}", "a.yaml:3:48: the group 239.1.1.1 is of the other address family than local"},
		{"{kind: vxlan, id: 7, local: 'fd00::1', remotes: [192.0.2.1, 'fd00::2']}", "a.yaml:3:55: the remote 192.0.2.1 is of the other address family"},
		{"{kind: vxlan, id: 7, remotes: [192.0.2.1, 'fd00::2']}", "a.yaml:3:48: the remote fd00::2 is of the other address family"},
		{"{kind: vxlan, id: 7, remotes: [192.0.2.1, 192.0.2.1]}", "a.yaml:3:48: host/fdb/v/00:00:00:00:00:00 dst 192.0.2.1 is declared twice, first in a.yaml:3"},
		{"{kind: vxlan, id: 7, remotes: [239.1.1.1]}", "a.yaml:3:37: 239.1.1.1 is a multicast address: a VXLAN sends to one by its group"},
		{"{kind: vxlan, id: 7, remotes: 192.0.2.1}", `a.yaml:3:36: expected a list, found "192.0.2.1"; a list of one item is [192.0.2.1]`},
		{"{kind: vxlan, id: 7, local: 239.1.1.1}", "a.yaml:3:34: 239.1.1.1 is a multicast address: a VXLAN sends to one by its group"},
		{"{kind: vxlan, id: 7, local: 'fe80::1'}", "a.yaml:3:34: fe80::1 is link-local, so parent is needed"},
		{"{kind: vxlan, id: 7}\n  w: {kind: vxlan, id: 7, local: 192.0.2.1}", "a.yaml:4:3: vxlan 7 on UDP port 4789 of host is claimed twice, first in a.yaml:3"},
		{"{kind: vxlan, id: 7}\n  w: {kind: vxlan, id: 7, local: 'fd00::1'}\n  x: {kind: vxlan, id: 7, dstport: 4790}\n  y: {kind: vxlan, netns: lab, id: 7}", ""},
		{"{kind: vxlan, id: 7, netns: lab, parent: eth0}\n  w: {kind: vxlan, id: 7}", "a.yaml:4:3: vxlan 7 on UDP port 4789 of host is claimed twice, first in a.yaml:3"},
	} {
		_, errs := conform.Compile(language, "namespaces: {lab: {}}\nlinks:\n  v: "+test.entry)
		if errs != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.entry, strings.TrimSpace(errs), test.want)
		}
	}
}
