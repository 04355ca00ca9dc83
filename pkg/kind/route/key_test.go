package route

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/kind/conform"
	"linkd/pkg/spec"
)

var language = conform.Language([]spec.Key{NamespaceKey()}, []spec.Key{EndKey()})

func inNamespace(list string) string { return "namespaces:\n  lab:\n    routes:\n" + list }

// onEth0 returns a file with a list of routes on eth0 in the lab.
func onEth0(list string) string { return conform.OnEth0(keyName, list) }

func net(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func ip(text string) netip.Addr { return netip.MustParseAddr(text) }

func ref[T any](value T) *T { return &value }

func TestRouteInYAML(t *testing.T) {
	for _, test := range []struct {
		text, id string
		want     Route
	}{
		{"{to: default, via: 172.17.0.1}", "default", Route{To: net("0.0.0.0/0"), Via: ip("172.17.0.1")}},
		{"{to: 0.0.0.0/0, metric: 0, table: main}", "default", Route{To: net("0.0.0.0/0")}},
		{"{to: default, via: 'fe80::1'}", "default inet6", Route{To: net("::/0"), Via: ip("fe80::1"), Metric: 1024}},
		{"{to: default, family: inet6, metric: 0}", "default inet6", Route{To: net("::/0"), Metric: 1024}},
		{"{to: default, src: 'fd00::1', metric: 7}", "default inet6 metric 7", Route{To: net("::/0"), Src: ref(ip("fd00::1")), Metric: 7}},
		{"{to: 10.0.0.5, table: 100, metric: 9}", "10.0.0.5/32 table 100 metric 9", Route{To: net("10.0.0.5/32"), Table: 100, Metric: 9}},
		{"{to: 10.0.0.5, type: local}", "10.0.0.5/32 table 255", Route{To: net("10.0.0.5/32"), Table: 255, Type: unix.RTN_LOCAL}},
		{"{to: 10.9.0.0/16, via: 10.0.0.1, src: 10.0.0.2, scope: link, onlink: true, mtu: 1400}", "10.9.0.0/16",
			Route{To: net("10.9.0.0/16"), Via: ip("10.0.0.1"), Src: ref(ip("10.0.0.2")), Scope: ref(address.Scope(253)), OnLink: ref(true), Metrics: Metrics{MTU: ref(uint32(1400))}}},
		{"{to: 10.9.0.0/16, via: 10.0.0.1, tos: 0x10, table: 7, advmss: 1000, initcwnd: 20, initrwnd: 30, hoplimit: 7, quickack: false}", "10.9.0.0/16 tos 0x10 table 7",
			Route{To: net("10.9.0.0/16"), Via: ip("10.0.0.1"), TOS: 16, Table: 7, Metrics: Metrics{AdvMSS: ref(uint32(1000)), InitCwnd: ref(uint32(20)),
				InitRwnd: ref(uint32(30)), HopLimit: ref(uint32(7)), QuickAck: ref(uint32(0))}}},
		{"{to: default, via: 'fe80::1', pref: low}", "default inet6", Route{To: net("::/0"), Via: ip("fe80::1"), Metric: 1024, Pref: ref(prefLow)}},
		{"{to: default, onlink: true, nexthops: [{via: 10.0.0.1, onlink: false}, {via: 10.0.0.2}]}", "default",
			Route{To: net("0.0.0.0/0"), Hops: []Hop{{ip("10.0.0.1"), "eth0", 1, notOnLink}, {ip("10.0.0.2"), "eth0", 1, isOnLink}}}},
		{"{to: 10.0.0.5, type: anycast}", "10.0.0.5/32 table 255", Route{To: net("10.0.0.5/32"), Table: 255, Type: unix.RTN_ANYCAST}},
		{"{to: 10.9.0.0/16, via: 'fe80::1'}", "10.9.0.0/16", Route{To: net("10.9.0.0/16"), Via: ip("fe80::1")}},
		{"{to: default, via: 'fe80::1', family: inet}", "default", Route{To: net("0.0.0.0/0"), Via: ip("fe80::1")}},
		{"{to: default, via: 'fe80::1', src: 10.0.0.1}", "default", Route{To: net("0.0.0.0/0"), Via: ip("fe80::1"), Src: ref(ip("10.0.0.1"))}},
		{"{to: default, via: 'fe80::1', family: inet6}", "default inet6", Route{To: net("::/0"), Via: ip("fe80::1"), Metric: 1024}},
		{"{to: default, nexthops: [{via: 'fe80::1', weight: 4}]}", "default inet6", Route{To: net("::/0"), Via: ip("fe80::1"), Metric: 1024}},
		{"{to: default, nexthops: [{via: 10.0.0.1}, {via: 'fe80::1', weight: 256}]}", "default",
			Route{To: net("0.0.0.0/0"), Hops: []Hop{{ip("10.0.0.1"), "eth0", 1, 0}, {ip("fe80::1"), "eth0", 256, 0}}}},
	} {
		want := test.want
		want.NS = "lab"
		if want.Hops == nil {
			want.Dev = "eth0"
		}
		if want.Table == 0 {
			want.Table = unix.RT_TABLE_MAIN
		}
		if want.Type == 0 {
			want.Type = unix.RTN_UNICAST
		}
		got := conform.Read(t, language, onEth0("      - "+test.text))
		if d := conform.Differences([]spec.Resource{&want}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, d)
		}
		if id := got[0].ID().Key; id != test.id {
			t.Errorf("%s has the key %q, want %q", test.text, id, test.id)
		}
	}
	got := conform.Read(t, language, inNamespace(`
    - {to: 10.9.0.0/16, type: blackhole}
    - {to: 10.8.0.0/16, via: 10.0.0.1, dev: eth1}
    - {to: 10.7.0.0/16, nexthops: [{via: 10.0.0.1}, {dev: eth1, weight: 2}, {via: 10.0.0.2, dev: eth2, weight: 3}]}
`))
	want := []spec.Resource{
		&Route{NS: "lab", To: net("10.7.0.0/16"), Hops: []Hop{{ip("10.0.0.1"), "", 1, 0}, {Dev: "eth1", Weight: 2}, {ip("10.0.0.2"), "eth2", 3, 0}}, Table: 254, Type: unix.RTN_UNICAST},
		&Route{NS: "lab", To: net("10.8.0.0/16"), Via: ip("10.0.0.1"), Dev: "eth1", Table: 254, Type: unix.RTN_UNICAST},
		&Route{NS: "lab", To: net("10.9.0.0/16"), Table: 254, Type: unix.RTN_BLACKHOLE},
	}
	if d := conform.Differences(want, got); d != "" {
		t.Errorf("routes of a namespace (-want +got):\n%s", d)
	}
}

// A route needs its source address, and the address whose subnet contains its gateway, although the files do not refer to them.
func TestRoutesNeedAddresses(t *testing.T) {
	both := conform.Language([]spec.Key{NamespaceKey()}, []spec.Key{EndKey(), address.Key()})
	const declared = `
links:
  one: {netns: lab, name: eth0, addresses: [10.0.0.1/24, 10.9.0.1/16, "fd00::1/64", 192.0.2.1]}
  two: {netns: lab, name: eth1, addresses: [10.1.0.1/24, 192.0.2.1/32, {address: 10.7.0.1, peer: 10.7.0.2}]}
  far: {netns: other, name: eth2, addresses: [10.2.0.1/24]}
namespaces:
  other: {}
  lab:
    routes:
    - `
	for entry, want := range map[string]string{
		"{to: default, via: 10.0.0.9}":                                                    "lab/link/eth0",
		"{to: default, via: 10.0.0.9, dev: eth5}":                                         "lab/link/eth5",
		"{to: default, via: 10.2.0.9}":                                                    "",
		"{to: default, via: 10.7.0.2}":                                                    "lab/link/eth1",
		"{to: default, via: 192.0.2.1}":                                                   "",
		"{to: default, dev: eth0, src: 10.1.0.1}":                                         "lab/link/eth0 lab/address/eth1/10.1.0.1/24",
		"{to: default, dev: eth1, src: 192.0.2.1}":                                        "lab/link/eth1 lab/address/eth1/192.0.2.1/32",
		"{to: default, dev: eth5, src: 192.0.2.1}":                                        "lab/link/eth5 lab/address/eth0/192.0.2.1/32",
		"{to: default, dev: eth1, src: 10.0.0.77}":                                        "lab/link/eth1",
		"{to: default, src: 'fd00::1', via: 'fd00::2'}":                                   "lab/link/eth0 lab/address/eth0/fd00::1/64",
		"{to: default, nexthops: [{via: 10.0.0.2}, {via: 10.1.0.2}]}":                     "lab/link/eth0 lab/link/eth1",
		"{to: default, nexthops: [{dev: eth0}, {dev: eth7}, {dev: eth0, via: 10.0.0.2}]}": "lab/link/eth0 lab/link/eth7",
		"{to: 10.5.0.0/16, type: throw}":                                                  "",
	} {
		var needs []string
		for _, r := range conform.Read(t, both, declared+entry+"\n") {
			if r.ID().Kind == kindName {
				for _, id := range r.Needs() {
					needs = append(needs, id.String())
				}
			}
		}
		if got := strings.Join(needs, " "); got != want {
			t.Errorf("%s: got %q, want %q", entry, got, want)
		}
	}
}

func TestRouteErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{inNamespace(`    - {to: 10.0.0.5/24, via: 10.1.0.1}
    - {to: elsewhere, via: 10.1.0.1}
    - {via: 10.1.0.1, gateway: x}
    - {to: fd00::/64, via: 10.1.0.1}
    - {to: 10.0.0.0/24}
    - {to: 10.0.0.0/24, via: 224.0.0.1}
    - {to: 10.0.0.0/24, type: blackhole, dev: eth0}
    - {to: 10.0.0.0/24, type: blackhol}
    - {to: default, via: fe80::1}
    - {to: 10.0.0.0/24, via: 10.1.0.1, family: inet}
    - {to: 10.0.0.0/24, dev: eth0, onlink: true}
    - {to: fd00::/64, dev: eth0, scope: link}
    - {to: fd00::/64, dev: eth0, src: 10.0.0.1}
    - {to: 10.0.0.5, dev: lo, via: 10.1.0.1, type: local}
    - {to: default, dev: eth0, family: ipv6}
    - {to: 10.0.0.0/24, dev: eth0, table: 0}
    - {to: 10.0.0.0/24, dev: eth0, table: [main]}
    - {to: fd00::1, dev: eth0, type: broadcast}
    - {to: default, via: 10.1.0.1, family: inet6}
    - {to: 10.0.0.0/24, type: throw, onlink: true}
    - {to: fd00::/64, dev: eth0, tos: 4}
    - {to: 10.0.0.0/24, dev: eth0, tos: 5}
    - {to: 10.0.0.0/24, dev: eth0, pref: low}
    - {to: fd00::/64, dev: eth0, pref: hi}
    - {to: 10.0.0.0/24, dev: eth0, mtu: 65521, advmss: 0, hoplimit: 256, initcwnd: 0, quickack: 2}
`), `
a.yaml:4:12: 10.0.0.5/24 has bits set beyond its length; did you mean 10.0.0.0/24?
a.yaml:5:12: "elsewhere" is no IP address, with or without /LENGTH, and not default
a.yaml:6:7: "to" is missing
a.yaml:6:23: unknown key "gateway"; did you mean "via"?
a.yaml:7:7: fd00::/64: the gateway 10.1.0.1 is of the other address family
a.yaml:8:7: 10.0.0.0/24: via or dev is missing
a.yaml:9:7: 10.0.0.0/24: 224.0.0.1 cannot be a gateway
a.yaml:10:7: 10.0.0.0/24: a blackhole route has neither via nor dev
a.yaml:11:31: route type "blackhol" is not one of unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit, throw; did you mean "blackhole"?
a.yaml:12:7: default: the gateway fe80::1 is link-local, so dev is needed
a.yaml:13:7: 10.0.0.0/24: family is for a default route; this one's is known
a.yaml:14:7: 10.0.0.0/24: onlink is about a gateway on a device: via and dev are needed
a.yaml:15:7: fd00::/64: scope is for IPv4 routes only
a.yaml:16:7: fd00::/64: the source 10.0.0.1 is of the other address family
a.yaml:17:7: 10.0.0.5/32: a local route has no via
a.yaml:18:40: family "ipv6" is not one of inet, inet6
a.yaml:19:43: there is no table 0
a.yaml:20:43: expected a word, found a list
a.yaml:21:7: fd00::1/128: IPv6 has no broadcast
a.yaml:22:7: default: the gateway 10.1.0.1 is of the other address family
a.yaml:23:7: 10.0.0.0/24: onlink is about a gateway on a device, and a throw route has none
a.yaml:24:7: fd00::/64: tos is for IPv4 routes only
a.yaml:25:41: "5" is no type of service: a multiple of 4 up to 252, decimal or with 0x
a.yaml:26:7: 10.0.0.0/24: pref is for IPv6 routes only
a.yaml:27:40: pref "hi" is not one of low, medium, high
a.yaml:28:41: mtu is 1 to 65520
a.yaml:28:56: advmss is 1 to 65495
a.yaml:28:69: hoplimit is 1 to 255
a.yaml:28:84: initcwnd is 1 to 4294967295
a.yaml:28:97: expected true or false, found "2"`},
		{inNamespace(`    - {to: default, nexthops: []}
    - {to: default, via: 10.0.0.1, nexthops: [{via: 10.0.0.1}]}
    - {to: default, dev: eth0, nexthops: [{via: 10.0.0.1}]}
    - {to: default, type: blackhole, nexthops: [{via: 10.0.0.1}]}
    - {to: default, nexthops: [{via: 10.0.0.1}, {via: 10.0.0.1, dev: eth0, weight: 2}]}
    - {to: default, nexthops: [{via: 10.0.0.1, weight: 0}, {via: 10.0.0.2, weight: 257}]}
    - {to: fd00::/64, nexthops: [{via: fd01::1}, {dev: eth0}]}
    - {to: 10.0.0.0/24, nexthops: [{weight: 2}, {via: fe80::1}]}
    - {to: 10.0.0.0/24, onlink: true, nexthops: [{via: 10.0.0.1, dev: eth0}, {via: 10.0.0.2}]}
    - {to: 10.0.0.0/24, nexthops: [{to: 10.0.0.1, gw: 10.0.0.2}]}
    - {to: 10.0.0.0/24, nexthops: {via: 10.0.0.1}}
    - {to: 10.0.0.0/24, nexthops: [{dev: eth0, onlink: true}, {via: 10.0.0.2}]}
`), `
a.yaml:4:7: default: nexthops is an empty list
a.yaml:5:7: default: via and dev stand in each of the nexthops, or there are none
a.yaml:6:7: default: via and dev stand in each of the nexthops, or there are none
a.yaml:7:7: default: a blackhole route has no nexthops
a.yaml:8:49: default: there is a nexthop via 10.0.0.1 dev eth0 already: give it a weight instead
a.yaml:9:56: weight is 1 to 256
a.yaml:9:84: weight is 1 to 256
a.yaml:10:50: fd00::/64: via is missing: IPv6 has no nexthops without a gateway
a.yaml:11:36: 10.0.0.0/24: via or dev is missing
a.yaml:11:49: 10.0.0.0/24: the gateway fe80::1 is link-local, so dev is needed
a.yaml:12:78: 10.0.0.0/24: onlink is about a gateway on a device: via and dev are needed
a.yaml:13:37: unknown key "to"
a.yaml:13:51: unknown key "gw"; did you mean "via"?
a.yaml:14:35: expected a list, found a mapping
a.yaml:15:36: 10.0.0.0/24: onlink is about a gateway on a device: via and dev are needed`},
		{onEth0("      - {to: default, nexthops: [" + strings.Repeat("{via: 10.0.0.1}, ", 256) + "]}"),
			"a.yaml:7:9: default: 256 nexthops, and there can be 255"},
		{onEth0(`      - {to: default, nexthops: [{via: 10.0.0.1, dev: eth0}]}
      - {to: default, nexthops: [{via: 10.0.0.1}, {via: 10.0.0.1}]}
`), `
a.yaml:7:50: unknown key "dev"
a.yaml:8:51: default: there is a nexthop via 10.0.0.1 dev eth0 already: give it a weight instead`},
		{onEth0(`      - {to: 10.0.0.0/24, type: throw}
      - {to: 10.1.0.0/24, dev: eth1}
`), `
a.yaml:7:9: 10.0.0.0/24: a throw route has no device: declare it in the namespace
a.yaml:8:27: unknown key "dev"`},
		{onEth0(`      - {to: default, via: 10.0.0.1}
      - {to: default, via: 10.0.0.2}
      - {to: default, via: 10.0.0.2, metric: 5}
      - {to: default, via: fd00::2}
`), `
a.yaml:8:9: lab/route/default is declared twice, first in a.yaml:7`},
	} {
		_, errs := conform.Compile(language, test.text)
		if d := cmp.Diff(strings.TrimSpace(test.want), errs); d != "" {
			t.Errorf("errors (-want +got):\n%s", d)
		}
	}
}
