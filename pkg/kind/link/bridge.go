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
		{"stp", nl.IFLA_BR_STP_STATE, 4, number(o.STP)},
		{"priority", nl.IFLA_BR_PRIORITY, 2, o.Priority},
		{"forward_delay", nl.IFLA_BR_FORWARD_DELAY, 4, o.ForwardDelay},
		{"hello_time", nl.IFLA_BR_HELLO_TIME, 4, o.HelloTime},
		{"max_age", nl.IFLA_BR_MAX_AGE, 4, o.MaxAge},
		{"ageing_time", nl.IFLA_BR_AGEING_TIME, 4, o.AgeingTime},
		{"vlan_filtering", nl.IFLA_BR_VLAN_FILTERING, 1, number(o.VLANFiltering)},
		{"vlan_default_pvid", nl.IFLA_BR_VLAN_DEFAULT_PVID, 2, o.VLANDefaultPVID},
		{"mcast_snooping", nl.IFLA_BR_MCAST_SNOOPING, 1, number(o.McastSnooping)},
	}
}

func (o *bridgeOptions) Data() []*nl.RtAttr { return optionData(o.options()) }

func (o *bridgeOptions) Diff(fs *reconcile.Fields, have map[uint16][]byte) {
	optionDiff(fs, o.options(), have)
}
