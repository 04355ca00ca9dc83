package link

import "github.com/vishvananda/netlink/nl"

var netkit = &Type{
	Name:   "netkit",
	Doc:    "a cable with two ends for BPF programs, in any two namespaces; Linux 6.7 or later (ip-link(8), netkit)",
	Paired: true,
	New:    func() Options { return &netkitOptions{} },
	Attach: attachPeer(nl.IFLA_NETKIT_PEER_INFO, false),
}

type netkitOptions struct {
	Mode  *string `yaml:"mode" oneof:"l2 l3" doc:"whether the ends have MAC addresses and neighbours (l2); the kernel's default is l3"`
	Scrub *string `yaml:"scrub" oneof:"none default" doc:"whether the kernel clears the mark and the priority of a packet that crosses (default) or not (none); Linux 6.10 or later"`
}

// options lists the options (NETKIT_* in linux/if_link.h). The kernel changes none of them (netkit_change_link in
// drivers/net/netkit.c). The other end has attributes of its own for the same.
func (o *netkitOptions) options() []option {
	scrubs := map[string]int{"none": 0, "default": 1}
	return []option{
		word("mode", nl.IFLA_NETKIT_MODE, 4, o.Mode, map[string]int{"l2": 0, "l3": 1}).immutable().usually("l3"),
		word("scrub", nl.IFLA_NETKIT_SCRUB, 4, o.Scrub, scrubs).immutable().usually("default"),
		word("", nl.IFLA_NETKIT_PEER_SCRUB, 4, o.Scrub, scrubs),
	}
}
