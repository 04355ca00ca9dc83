package link

import (
	"strings"
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// The tunnels over IP, in their own namespace and in another.
func TestConformTunnels(t *testing.T) {
	const (
		ends4, ends6 = "local: 192.0.2.1, remote: 192.0.2.2", "local: 'fd00::1', remote: 'fd00::2'"
		keys         = ", key: 7, csum: true, seq: true"
	)
	var (
		change4 = []string{"local: 192.0.2.9, remote: 192.0.2.8, ttl: 9", "local: 192.0.2.1 -> 192.0.2.9", "remote: 192.0.2.2 -> 192.0.2.8", "ttl: inherit -> 9"}
		change6 = []string{"local: 'fd00::9', remote: 'fd00::8', ttl: 9", "local: fd00::1 -> fd00::9", "remote: fd00::2 -> fd00::8", "ttl: 64 -> 9"}
		rekey   = func(ends string) []string {
			return []string{ends + ", ikey: 8, okey: 4294967295, csum: false", "ikey: 7 -> 8", "okey: 7 -> 4294967295", "csum: true -> false"}
		}
	)
	for kind, test := range map[string]struct {
		want    string
		changes [][]string // an entry, and what it says
	}{
		"gre":       {ends4 + keys, [][]string{change4, rekey("local: 192.0.2.9, remote: 192.0.2.8"), {"seq: false, ttl: inherit", "ttl: 9 -> inherit", "seq: true -> false"}}},
		"gretap":    {ends4 + keys, [][]string{change4, rekey("local: 192.0.2.9, remote: 192.0.2.8")}},
		"ip6gre":    {ends6 + keys, [][]string{change6, rekey("local: 'fd00::9', remote: 'fd00::8'")}},
		"ip6gretap": {ends6 + keys, [][]string{change6, rekey("local: 'fd00::9', remote: 'fd00::8'")}},
		"ipip":      {ends4, [][]string{change4, {"remote: 192.0.2.8, mode: any", "mode: ipip -> any (replace)"}, {"mode: any, mtu: 1400", "mtu: 1480 -> 1400"}}},
		"sit":       {ends4 + ", ttl: inherit", [][]string{change4, {"remote: 192.0.2.8, mode: any", "mode: ip6ip -> any (replace)"}}},
		"ip6tnl": {ends6 + ", encaplimit: none, flowlabel: 4224", [][]string{change6,
			{"remote: 'fd00::8', encaplimit: 7, flowlabel: 1048575", "flowlabel: 4224 -> 1048575", "encaplimit: none -> 7"},
			{"remote: 'fd00::8', encaplimit: none", "encaplimit: 7 -> none"}, {"remote: 'fd00::8', mode: ipip6", "mode: any -> ipip6 (replace)"}}},
	} {
		for place, birth := range map[string]string{"in the same namespace": "", "in another": ", birth: host"} {
			t.Run(kind+" "+place, func(t *testing.T) {
				conform.NeedsLink(t, kind)
				entry := func(keys string) spec.Resource {
					return read(t, "{kind: "+kind+", netns: lab, name: tun7"+birth+", "+keys+"}")
				}
				example := conform.Example{Setup: theirs, Want: []spec.Resource{entry(test.want)}}
				for _, change := range test.changes {
					example.Changes = append(example.Changes, conform.To(entry(change[0]), change[1:]...))
				}
				conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), example)
			})
		}
	}
}

// Where a tunnel is born is what makes it: another namespace is another tunnel.
func TestATunnelIsBornAgain(t *testing.T) {
	for _, kind := range []string{"gre", "wireguard", "vxlan"} {
		t.Run(kind, func(t *testing.T) {
			conform.NeedsLink(t, kind)
			more := map[string]string{"gre": ", local: 192.0.2.1, remote: 192.0.2.2", "wireguard": "", "vxlan": ", id: 7"}[kind]
			entry := func(birth string) spec.Resource {
				return read(t, "{kind: "+kind+", netns: lab, name: tun7"+birth+more+"}")
			}
			conform.Conform(t, reconcile.Register[*Link]("link", joined{}, capabilities), conform.Example{
				Setup: theirs, Want: []spec.Resource{entry("")},
				Changes: []conform.Change{
					conform.To(entry(", birth: host"), func() []string {
						says := []string{"birth: lab -> host (replace)"}
						if kind == "wireguard" {
							says = append([]string{"mark: linkd:cable -> linkd:cable birth host"}, says...)
						}
						return says
					}()...),
					conform.To(entry(", birth: host, mtu: 1300"), map[string]string{"gre": "mtu: 1476 -> 1300", "wireguard": "mtu: 1420 -> 1300", "vxlan": "mtu: 1500 -> 1300"}[kind]),
				},
			})
		})
	}
}

func TestWhatIsWrongWithATunnel(t *testing.T) {
	for _, test := range []struct{ entry, want string }{
		{"{kind: gre, local: 'fd00::1'}", "a.yaml:3:25: fd00::1: this tunnel goes over IPv4"},
		{"{kind: ip6tnl, remote: 192.0.2.1}", "a.yaml:3:29: 192.0.2.1: this tunnel goes over IPv6"},
		{"{kind: gre, local: 239.1.1.1}", "a.yaml:3:25: 239.1.1.1 is a multicast address: no host has it"},
		{"{kind: gre, remote: 239.1.1.1, parent: eth0}", ""},
		{"{kind: gre, ttl: 0}", "a.yaml:3:23: ttl is 1 to 255, or inherit"},
		{"{kind: ip6gre, encaplimit: 256}", "a.yaml:3:33: encaplimit is 0 to 255, or none"},
		{"{kind: gre, encaplimit: 1}", `a.yaml:3:18: unknown key "encaplimit"`},
		{"{kind: gre, key: 0}", "a.yaml:3:23: key is 1 to 4294967295"},
		{"{kind: gre, key: 1, ikey: 2, okey: 3}", "a.yaml:3:23: key is that of both directions, and ikey and okey are those of each: leave one out"},
		{"{kind: gre, mac: '02:00:00:00:00:01'}", "a.yaml:3:23: a gre has no link-layer address that can be set"},
		{"{kind: gretap, mac: '02:00:00:00:00:01'}", ""},
		{"{kind: gre, birth: lab, parent: eth0}", "a.yaml:3:25: birth is the namespace of the parent, where a link has one: leave out birth, or parent"},
		{"{kind: gre, birth: nowhere}", `a.yaml:3:25: namespace "nowhere" is not declared`},
		{"{kind: gre}\n  w: {kind: gre, netns: lab, birth: host}", "a.yaml:4:3: gre from any to any of host is claimed twice, first in a.yaml:3"},
		{"{kind: gre, key: 1}\n  w: {kind: gre, key: 2}\n  x: {kind: gre, netns: lab, key: 1}\n  y: {kind: gretap, key: 1}", ""},
		{"{kind: ipip, mode: gre}", `a.yaml:3:25: mode "gre" is not one of ipip, mplsip, any`},
	} {
		_, errs := conform.Compile(language, "namespaces: {lab: {}}\nlinks:\n  v: "+test.entry)
		if errs = strings.TrimSpace(errs); errs != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.entry, errs, test.want)
		}
	}
}
