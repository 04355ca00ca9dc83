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

// onEth0 reads a list of routes as that of the lab's eth0.
func onEth0(list string) string {
	return "namespaces: {lab: {}}\nlinks:\n  cable:\n    netns: lab\n    name: eth0\n    routes:\n" + list
}

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
			Route{To: net("10.9.0.0/16"), Via: ip("10.0.0.1"), Src: ref(ip("10.0.0.2")), Scope: ref(address.Scope(253)), OnLink: ref(true), MTU: ref(uint32(1400))}},
	} {
		want := test.want
		want.NS, want.Dev = "lab", "eth0"
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
	got := conform.Read(t, language, inNamespace("    - {to: 10.9.0.0/16, type: blackhole}\n    - {to: 10.8.0.0/16, via: 10.0.0.1, dev: eth1}\n"))
	want := []spec.Resource{
		&Route{NS: "lab", To: net("10.8.0.0/16"), Via: ip("10.0.0.1"), Dev: "eth1", Table: 254, Type: unix.RTN_UNICAST},
		&Route{NS: "lab", To: net("10.9.0.0/16"), Table: 254, Type: unix.RTN_BLACKHOLE},
	}
	if d := conform.Differences(want, got); d != "" {
		t.Errorf("routes of a namespace (-want +got):\n%s", d)
	}
}

func TestRouteErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{inNamespace(`    - {to: 10.0.0.5/24, via: 10.1.0.1}
    - {to: elsewhere, via: 10.1.0.1}
    - {via: 10.1.0.1, gateway: x}
    - {to: 10.0.0.0/24, via: fd00::1}
    - {to: 10.0.0.0/24}
    - {to: 10.0.0.0/24, via: 224.0.0.1}
    - {to: 10.0.0.0/24, type: blackhole, dev: eth0}
    - {to: 10.0.0.0/24, type: blackhol}
    - {to: default, via: fe80::1}
    - {to: default, via: 10.1.0.1, family: inet}
    - {to: 10.0.0.0/24, dev: eth0, onlink: true}
    - {to: fd00::/64, dev: eth0, scope: link}
    - {to: fd00::/64, dev: eth0, src: 10.0.0.1}
    - {to: 10.0.0.5, dev: lo, via: 10.1.0.1, type: local}
    - {to: default, dev: eth0, family: ipv6}
    - {to: 10.0.0.0/24, dev: eth0, table: 0}
    - {to: 10.0.0.0/24, dev: eth0, table: mian}
    - {to: fd00::1, dev: eth0, type: broadcast}
`), `
a.yaml:4:12: 10.0.0.5/24 has bits set beyond its length; did you mean 10.0.0.0/24?
a.yaml:5:12: "elsewhere" is no IP address, with or without /LENGTH, and not default
a.yaml:6:7: "to" is missing
a.yaml:6:23: unknown key "gateway"
a.yaml:7:7: 10.0.0.0/24: the gateway fd00::1 is of the other address family
a.yaml:8:7: 10.0.0.0/24: via or dev is missing
a.yaml:9:7: 10.0.0.0/24: 224.0.0.1 cannot be a gateway
a.yaml:10:7: 10.0.0.0/24: a blackhole route has neither via nor dev
a.yaml:11:31: route type "blackhol" is not one of unicast, local, broadcast, multicast, blackhole, unreachable, prohibit, throw; did you mean "blackhole"?
a.yaml:12:7: default: the gateway fe80::1 is link-local, so dev is needed
a.yaml:13:7: default: family is for a default route without via; this one's is known
a.yaml:14:7: 10.0.0.0/24: onlink is about a gateway on a device: via and dev are needed
a.yaml:15:7: fd00::/64: scope is for IPv4 routes only
a.yaml:16:7: fd00::/64: the source 10.0.0.1 is of the other address family
a.yaml:17:7: 10.0.0.5/32: a local route has no via
a.yaml:18:40: family "ipv6" is not one of inet, inet6
a.yaml:19:43: there is no table 0
a.yaml:20:43: expected a whole number, found "mian"
a.yaml:21:7: fd00::1/128: IPv6 has no broadcast`},
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
