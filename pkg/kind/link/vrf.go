package link

import "github.com/vishvananda/netlink/nl"

var vrf = &Type{
	Name: "vrf",
	Doc:  "a routing domain: the routes of the interfaces whose master it is are those of its table (ip-link(8), vrf)",
	New:  func() Options { return &vrfOptions{} },
}

type vrfOptions struct {
	Table *int `yaml:"table" required:"true" min:"1" max:"4294967295" doc:"the routing table"`
}

// options implements Options. A vrf has no changelink (drivers/net/vrf.c).
func (o *vrfOptions) options() []option {
	return []option{number("table", nl.IFLA_VRF_TABLE, 4, o.Table).forGood()}
}
