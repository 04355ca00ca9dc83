package link

import (
	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/spec"
)

var vrf = &Type{
	Name: "vrf",
	Doc:  "a routing domain: the kernel looks up routes for its ports in its table (ip-link(8), vrf)",
	New:  func() Options { return &vrfOptions{} },
	// cycle_netdev in drivers/net/vrf.c.
	ResetsPorts: true,
	// IP6_MAX_MTU in include/net/ip6_route.h, set by vrf_setup in drivers/net/vrf.c.
	MTU: 65575, MaxMTU: 65575,
}

type vrfOptions struct {
	Table *spec.Table `yaml:"table" also:"route-table-id vrf_table table-id" required:"true" doc:"the routing table: a number, or a name from /etc/iproute2/rt_tables"`
}

// options lists the options. The kernel cannot change a vrf (drivers/net/vrf.c has no changelink).
func (o *vrfOptions) options() []option {
	return []option{number("table", nl.IFLA_VRF_TABLE, 4, o.Table).immutable()}
}
