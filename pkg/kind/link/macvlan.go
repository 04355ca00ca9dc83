package link

import (
	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/observe"
)

var macvlan = &Type{
	Name:   "macvlan",
	Doc:    "an interface with a MAC address of its own in the network of its parent (ip-link(8), macvlan)",
	OwnMAC: true,
	Parent: NeedsParent,

	SharesParent: true,
	New:          func() Options { return &macvlanOptions{} },
}

type macvlanOptions struct {
	Mode *string `yaml:"mode" oneof:"private vepa bridge passthru source" doc:"which other interfaces on the parent are reachable; the kernel's default is vepa"`
	// MACVLAN_DEFAULT_BC_QUEUE_LEN in drivers/net/macvlan.c.
	BCQueueLen *int `yaml:"bcqueuelen" also:"bc-queue-len" min:"0" max:"2147483647" doc:"how many broadcast and multicast frames wait to be copied to all interfaces on the parent, which uses the largest number of them; the kernel's default is 1000; Linux 5.11 or later"`
}

// macvlanModes are MACVLAN_MODE_* in linux/if_link.h.
var macvlanModes = map[string]int{"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}

// options lists the options. The kernel does not change a macvlan to or from passthru mode, in which it is the only one of its
// parent (macvlan_changelink in drivers/net/macvlan.c).
func (o *macvlanOptions) options() []option {
	mode := word("mode", nl.IFLA_MACVLAN_MODE, 4, o.Mode, macvlanModes).unlessSet("vepa")
	mode.fixed = func(have, want []byte) bool {
		passthru := uint64(macvlanModes["passthru"])
		return (observe.Number(have) == passthru) != (observe.Number(want) == passthru)
	}
	return []option{mode, number("bcqueuelen", nl.IFLA_MACVLAN_BC_QUEUE_LEN, 4, o.BCQueueLen).usually("1000")}
}
