package link

import "github.com/vishvananda/netlink/nl"

var bridge = &Type{
	Name: "bridge",
	Doc:  "a switch; interfaces join it with master (ip-link(8), bridge)",
	New:  func() Options { return &bridgeOptions{} },
	// Without an address of its own a bridge takes the lowest of its ports' (br_stp_recalculate_bridge_id).
	KeepsMAC: true,
}

type bridgeOptions struct {
	STP             *bool `yaml:"stp" doc:"spanning tree protocol"`
	Priority        *int  `yaml:"priority" min:"0" max:"65535" doc:"spanning tree priority"`
	ForwardDelay    *int  `yaml:"forward_delay" min:"0" max:"4294967295" doc:"hundredths of a second"`
	HelloTime       *int  `yaml:"hello_time" min:"0" max:"4294967295" doc:"hundredths of a second"`
	MaxAge          *int  `yaml:"max_age" min:"0" max:"4294967295" doc:"hundredths of a second"`
	AgeingTime      *int  `yaml:"ageing_time" min:"0" max:"4294967295" doc:"hundredths of a second"`
	VLANFiltering   *bool `yaml:"vlan_filtering" doc:"forward by VLAN"`
	VLANDefaultPVID *int  `yaml:"vlan_default_pvid" min:"0" max:"4094" doc:"VLAN of untagged frames, 0 for none"`
	McastSnooping   *bool `yaml:"mcast_snooping" doc:"multicast snooping"`
}

// options implements Options (IFLA_BR_* in linux/if_link.h). Times are in USER_HZ, as they are in ip-link(8).
func (o *bridgeOptions) options() []option {
	return []option{
		flag("stp", nl.IFLA_BR_STP_STATE, 4, o.STP),
		number("priority", nl.IFLA_BR_PRIORITY, 2, o.Priority),
		number("forward_delay", nl.IFLA_BR_FORWARD_DELAY, 4, o.ForwardDelay),
		number("hello_time", nl.IFLA_BR_HELLO_TIME, 4, o.HelloTime),
		number("max_age", nl.IFLA_BR_MAX_AGE, 4, o.MaxAge),
		number("ageing_time", nl.IFLA_BR_AGEING_TIME, 4, o.AgeingTime),
		flag("vlan_filtering", nl.IFLA_BR_VLAN_FILTERING, 1, o.VLANFiltering),
		number("vlan_default_pvid", nl.IFLA_BR_VLAN_DEFAULT_PVID, 2, o.VLANDefaultPVID),
		flag("mcast_snooping", nl.IFLA_BR_MCAST_SNOOPING, 1, o.McastSnooping),
	}
}
