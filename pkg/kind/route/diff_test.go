package route

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
)

func TestDiff(t *testing.T) {
	via := func(gateway string, more ...func(*Route)) *Route {
		r := &Route{To: net("0.0.0.0/0"), Type: unix.RTN_UNICAST, Dev: "eth0", Proto: address.Mark}
		if gateway != "" {
			r.Via = ip(gateway)
		}
		for _, change := range more {
			change(r)
		}
		return r
	}
	inet6 := func(r *Route) { r.To = net("::/0") }
	several := func(r *Route) { r.setHops([]Hop{{ip("fd00::1"), "eth0", 1, 0}, {ip("fd00::2"), "eth1", 3, 0}}) }
	by := func(hops ...Hop) func(r *Route) { return func(r *Route) { r.setHops(hops) } }
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
		{"metrics", via("10.0.0.1", func(r *Route) { r.AdvMSS, r.HopLimit = ref(uint32(9)), ref(uint32(7)) }),
			via("10.0.0.1", func(r *Route) { r.AdvMSS, r.MTU = ref(uint32(8)), ref(uint32(1000)) }), "advmss: 8 -> 9, hoplimit: 0 -> 7"},
		{"preference", via("fd00::1", inet6, func(r *Route) { r.Pref = ref(prefLow) }), via("fd00::1", inet6), "pref: medium -> low"},
		{"a gateway that is on the link", via("", by(Hop{ip("10.0.0.1"), "eth0", 1, isOnLink}, Hop{ip("10.0.0.2"), "eth0", 1, 0})),
			via("", by(Hop{ip("10.0.0.1"), "eth0", 1, notOnLink}, Hop{ip("10.0.0.2"), "eth0", 1, isOnLink})),
			"nexthops: via 10.0.0.1 dev eth0 weight 1, via 10.0.0.2 dev eth0 weight 1 onlink -> via 10.0.0.1 dev eth0 weight 1 onlink, via 10.0.0.2 dev eth0 weight 1"},
		{"a nexthop object", via("10.0.0.1"), via("10.0.0.1", func(r *Route) { r.Object = 7 }), "nhid: 7 -> (none)"},
		{"several ways to one", via("fd00::1", inet6), via("", inet6, several),
			"nexthops: via fd00::1 dev eth0 weight 1, via fd00::2 dev eth1 weight 3 -> via fd00::1 dev eth0"},
		{"one way to several", via("", inet6, several), via("fd00::1", inet6),
			"nexthops: via fd00::1 dev eth0 -> via fd00::1 dev eth0 weight 1, via fd00::2 dev eth1 weight 3"},
		{"several ways to none", via("", func(r *Route) { r.Type, r.Dev = unix.RTN_BLACKHOLE, "" }), via("", several),
			"type: unicast -> blackhole, nexthops: via fd00::1 dev eth0 weight 1, via fd00::2 dev eth1 weight 3 -> (none)"},
		{"the same ways in another order", via("", several), via("", by(Hop{ip("fd00::2"), "eth1", 3, 0}, Hop{ip("fd00::1"), "eth0", 1, 0})), ""},
		{"another weight", via("", several), via("", by(Hop{ip("fd00::1"), "eth0", 1, 0}, Hop{ip("fd00::2"), "eth1", 2, 0})),
			"nexthops: via fd00::1 dev eth0 weight 1, via fd00::2 dev eth1 weight 2 -> via fd00::1 dev eth0 weight 1, via fd00::2 dev eth1 weight 3"},
		{"ways by any device", via("", by(Hop{ip("fd00::1"), "", 1, 0}, Hop{ip("fd00::2"), "", 3, 0})), via("", several), ""},
		{"one way by any device and one by this", via("", by(Hop{ip("fd00::1"), "", 1, 0}, Hop{ip("fd00::1"), "eth0", 1, 0})),
			via("", by(Hop{ip("fd00::1"), "eth0", 1, 0}, Hop{ip("fd00::1"), "eth1", 1, 0})), ""},
		{"another's", via("10.0.0.1"), via("10.0.0.2", func(r *Route) { r.Proto = 12 }), "via: 10.0.0.2 -> 10.0.0.1, proto: bird -> 108"},
		{"another's that is the same", via("10.0.0.1"), via("10.0.0.1", func(r *Route) { r.Proto = 12 }), ""},
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
