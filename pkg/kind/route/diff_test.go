package route

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
)

func TestDiff(t *testing.T) {
	via := func(gateway string, more ...func(*Route)) *Route {
		r := &Route{To: net("0.0.0.0/0"), Type: unix.RTN_UNICAST, Dev: "eth0"}
		if gateway != "" {
			r.Via = ip(gateway)
		}
		for _, change := range more {
			change(r)
		}
		return r
	}
	inet6 := func(r *Route) { r.To = net("::/0") }
	several := func(r *Route) { r.Hops = []Hop{{ip("fd00::1"), "eth0"}, {ip("fd00::2"), "eth1"}}; r.Dev = "" }
	options := func(r *Route) {
		r.Src, r.Scope, r.OnLink, r.MTU = ref(ip("10.0.0.9")), ref(address.Scope(200)), ref(true), ref(uint32(1400))
	}
	for _, test := range []struct {
		name       string
		want, have *Route
		says       string
	}{
		{"the same", via("10.0.0.1"), via("10.0.0.1", options), ""},
		{"gateway", via("10.0.0.1"), via("10.0.0.2"), "via: 10.0.0.2 -> 10.0.0.1"},
		{"no gateway", via(""), via("10.0.0.2"), "via: 10.0.0.2 -> (none)"},
		{"a gateway of the other family", via("10.0.0.1"), via("fe80::1"), "via: fe80::1 -> 10.0.0.1"},
		{"any device", via("10.0.0.1", func(r *Route) { r.Dev = "" }), via("10.0.0.1"), ""},
		{"device", via("10.0.0.1"), via("10.0.0.1", func(r *Route) { r.Dev = "eth1" }), "dev: eth1 -> eth0"},
		{"type", via("10.0.0.1"), via("", func(r *Route) { r.Type, r.Dev = unix.RTN_BLACKHOLE, "" }),
			"type: blackhole -> unicast, via: (none) -> 10.0.0.1, dev: (none) -> eth0"},
		{"options", via("10.0.0.1", options), via("10.0.0.1", func(r *Route) { r.Scope = ref(address.Scope(0)) }),
			"src: (none) -> 10.0.0.9, scope: global -> site, onlink: false -> true, mtu: 0 -> 1400"},
		{"a nexthop object", via("10.0.0.1"), via("10.0.0.1", func(r *Route) { r.Object = 7 }), "nhid: 7 -> (none)"},
		{"several gateways", via("10.0.0.1"), via("", several), "via: via fd00::1 dev eth0, via fd00::2 dev eth1 -> 10.0.0.1"},
		{"several gateways of IPv6", via("fd00::1", inet6), via("", inet6, several), "via: via fd00::1 dev eth0, via fd00::2 dev eth1 -> fd00::1!"},
		{"not alone", via("10.0.0.1"), via("10.0.0.2", func(r *Route) { r.Shared = true }), "via: 10.0.0.2 -> 10.0.0.1!"},
	} {
		var says []string
		for _, f := range (kind{}).Diff(test.want, test.have) {
			line := f.String()
			if f.Replace {
				line += "!"
			}
			says = append(says, line)
		}
		if got := strings.Join(says, ", "); got != test.says {
			t.Errorf("%s: got %q, want %q", test.name, got, test.says)
		}
	}
}
