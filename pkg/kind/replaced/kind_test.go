package replaced

import (
	"net/netip"
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/kind/link/belongings"
	"linkd/pkg/spec"
)

func TestMain(m *testing.M) { conform.Main(m) }

func TestConform(t *testing.T) {
	wanted := func(what string) spec.Resource { return &Replaced{NS: "lab", What: what} }
	conform.Conform(t, Kind, conform.Example{
		Setup: `link add eth0 type veth peer name eth1
link set eth0 addrgenmode none
link set eth1 addrgenmode none
link set eth0 up
link set eth1 up
addr add 10.0.0.1/24 dev eth0
addr add 10.0.0.2/24 dev eth1
addr add fd00::1/64 dev eth0 nodad
addr add 10.9.0.1/24 dev eth1
addr add 10.9.0.1/16 dev eth1
route add default via 10.0.0.9 dev eth0 proto static mtu 1400
route add default via 10.0.0.9 dev eth0 metric 7
route add 10.8.0.0/16 nexthop via 10.0.0.9 dev eth0 nexthop via 10.9.0.9 dev eth1 weight 3
route add 10.8.0.0/16 via 10.9.0.9 dev eth1 tos 8 table 7
route add default via fd00::9 dev eth0 pref low
`,
		Want: []spec.Resource{
			wanted("route default"), wanted("route 10.8.0.0/16"), wanted("route 10.8.0.0/16 tos 0x8 table 7"), wanted("route default inet6"),
			wanted("address 10.9.0.1/24"), wanted("address fd00::1/64"),
			// Nobody has these.
			wanted("route default metric 8"), wanted("address 10.0.0.1/25"),
		},
	})
}

// What an ID says is read back, and nothing else is one.
func TestFromID(t *testing.T) {
	p := netip.MustParsePrefix
	for what, at := range map[string]belongings.Place{
		"route default":                      {To: p("0.0.0.0/0"), Table: 254},
		"route default inet6":                {To: p("::/0"), Table: 254, Metric: 1024},
		"route fd00::/64 table 7 metric 5":   {To: p("fd00::/64"), Table: 7, Metric: 5},
		"route 10.0.0.0/8 tos 0x10 metric 9": {To: p("10.0.0.0/8"), Table: 254, Metric: 9, TOS: 16},
	} {
		if got, ok := placeOf(what); !ok || got != at {
			t.Errorf("%s is %+v, %v", what, got, ok)
		}
	}
	for _, key := range []string{"", "route", "route x", "route default table", "route default colour 5", "address", "address 10.0.0.1", "link eth0"} {
		if r, ok := (kind{}).FromID(spec.ReplacedID("lab", key)); ok {
			t.Errorf("%q stands for %v", key, r)
		}
	}
}
