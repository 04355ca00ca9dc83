package link

import (
	"github.com/vishvananda/netlink/nl"

	"linkd/pkg/reconcile"
)

var bridge = &Type{
	Name: "bridge",
	Doc:  "a switch; interfaces join it with master (ip-link(8), bridge)",
	New:  func() Options { return &bridgeOptions{} },
	// Without an address of its own a bridge takes the lowest of its ports' (br_stp_recalculate_bridge_id).
	KeepsMAC: true,
}

type bridgeOptions struct {
	STP             *bool `yaml:"stp" doc:"spanning tree protocol"`
	Priority        *int  `yaml:"priority" doc:"spanning tree priority, 0 to 65535"`
	ForwardDelay    *int  `yaml:"forward_delay" doc:"hundredths of a second"`
	HelloTime       *int  `yaml:"hello_time" doc:"hundredths of a second"`
	MaxAge          *int  `yaml:"max_age" doc:"hundredths of a second"`
	AgeingTime      *int  `yaml:"ageing_time" doc:"hundredths of a second"`
	VLANFiltering   *bool `yaml:"vlan_filtering" doc:"forward by VLAN"`
	VLANDefaultPVID *int  `yaml:"vlan_default_pvid" doc:"VLAN of untagged frames, 0 for none"`
	McastSnooping   *bool `yaml:"mcast_snooping" doc:"multicast snooping"`
}

// options lists the fields with their attributes (IFLA_BR_* in linux/if_link.h). Times are in USER_HZ, as they are in
// ip-link(8).
func (o *bridgeOptions) options() []option {
	return []option{
		{name: "stp", attr: nl.IFLA_BR_STP_STATE, size: 4, value: number(o.STP)},
		{name: "priority", attr: nl.IFLA_BR_PRIORITY, size: 2, value: o.Priority},
		{name: "forward_delay", attr: nl.IFLA_BR_FORWARD_DELAY, size: 4, value: o.ForwardDelay},
		{name: "hello_time", attr: nl.IFLA_BR_HELLO_TIME, size: 4, value: o.HelloTime},
		{name: "max_age", attr: nl.IFLA_BR_MAX_AGE, size: 4, value: o.MaxAge},
		{name: "ageing_time", attr: nl.IFLA_BR_AGEING_TIME, size: 4, value: o.AgeingTime},
		{name: "vlan_filtering", attr: nl.IFLA_BR_VLAN_FILTERING, size: 1, value: number(o.VLANFiltering)},
		{name: "vlan_default_pvid", attr: nl.IFLA_BR_VLAN_DEFAULT_PVID, size: 2, most: 4094, value: o.VLANDefaultPVID},
		{name: "mcast_snooping", attr: nl.IFLA_BR_MCAST_SNOOPING, size: 1, value: number(o.McastSnooping)},
	}
}

func (o *bridgeOptions) Data() []*nl.RtAttr { return optionData(o.options()) }

func (o *bridgeOptions) Diff(fs *reconcile.Fields, have map[uint16][]byte) {
	optionDiff(fs, o.options(), have)
}
