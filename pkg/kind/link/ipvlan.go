package link

import (
	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/spec"
)

var ipvlan = &Type{
	Name:   "ipvlan",
	Doc:    "an interface with IP addresses of its own behind the MAC address of its parent (ip-link(8), ipvlan)",
	Parent: NeedsParent,

	SharesParent: true,
	New:          func() Options { return &ipvlanOptions{} },
	// All ipvlans on a parent share one mode and one flag: setting them on one sets them on all (struct ipvl_port in
	// drivers/net/ipvlan/ipvlan.h).
	Claims: func(c *spec.Context, l *Link) {
		o := l.Options.(*ipvlanOptions)
		for name, word := range map[string]*string{"mode": o.Mode, "flag": o.Flag} {
			if word != nil {
				c.Agree("the "+name+" of the ipvlans on "+l.Parent.String(), *word)
			}
		}
	},
}

type ipvlanOptions struct {
	Mode *string `yaml:"mode" oneof:"l2 l3 l3s" doc:"the layer at which the kernel distributes packets, the same for all ipvlans on one parent; the kernel's default is l3"`
	Flag *string `yaml:"flag" oneof:"bridge private vepa" doc:"whether interfaces on one parent reach each other, the same for all of them; the kernel's default is bridge"`
}

// options lists the options (IPVLAN_MODE_* and IPVLAN_F_* in linux/if_link.h).
func (o *ipvlanOptions) options() []option {
	mode := word("mode", nl.IFLA_IPVLAN_MODE, 2, o.Mode, map[string]int{"l2": 0, "l3": 1, "l3s": 2})
	flag := word("flag", nl.IFLA_IPVLAN_FLAG, 2, o.Flag, map[string]int{"bridge": 0, "private": 1, "vepa": 2}).usually("bridge")
	// Another ipvlan of the parent may have the key.
	mode.stays, flag.stays = true, true
	return []option{mode, flag}
}
