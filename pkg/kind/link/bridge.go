package link

import "github.com/vishvananda/netlink/nl"

var bridge = &Type{
	Name: "bridge",
	Doc:  "a switch; interfaces join it with master (ip-link(8), bridge)",
	New:  func() Options { return &bridgeOptions{} },
	// A bridge without an address of its own takes the lowest address of its ports (br_stp_recalculate_bridge_id).
	OwnMAC: true,
}

type bridgeOptions struct {
	STP             *bool   `yaml:"stp" doc:"take part in a spanning tree"`
	Priority        *int    `yaml:"priority" min:"0" max:"65535" doc:"the bridge with the lowest priority becomes the root of the spanning tree"`
	ForwardDelay    *int    `yaml:"forward_delay" also:"forward-delay" min:"0" max:"4294967295" doc:"how long a port listens, and then learns, before it forwards, in hundredths of a second; 200 to 3000 with stp: true"`
	HelloTime       *int    `yaml:"hello_time" also:"hello-time" min:"100" max:"1000" doc:"time between the root's messages, in hundredths of a second"`
	MaxAge          *int    `yaml:"max_age" also:"max-age" min:"600" max:"4000" doc:"the time for which a message of the root bridge is valid, in hundredths of a second"`
	AgeingTime      *int    `yaml:"ageing_time" also:"ageing-time" min:"0" max:"4294967295" doc:"the time after which the bridge forgets a learned address, in hundredths of a second"`
	VLANFiltering   *bool   `yaml:"vlan_filtering" also:"vlan-filtering" doc:"separate the VLANs of the ports (port: {vlans: ...})"`
	VLANDefaultPVID *int    `yaml:"vlan_default_pvid" min:"0" max:"4094" doc:"the VLAN of a new port, and of its frames without a tag; 0 for none"`
	VLANProtocol    *string `yaml:"vlan_protocol" also:"vlan-protocol" oneof:"802.1q 802.1ad" doc:"the kind of tag for vlan_filtering; the kernel's default is 802.1q"`
	McastSnooping   *bool   `yaml:"mcast_snooping" also:"multicast-snooping" doc:"send frames of a multicast group only to ports with listeners"`
	McastQuerier    *bool   `yaml:"mcast_querier" also:"multicast-querier" doc:"ask hosts for their multicast groups, if no router does"`
	McastIGMP       *int    `yaml:"mcast_igmp_version" also:"mcast-igmp-version" min:"2" max:"3" doc:"version of IGMP for the queries"`
	GroupFwdMask    *int    `yaml:"group_fwd_mask" also:"group-fwd-mask group-forward-mask" min:"0" max:"65528" doc:"which frames to 01:80:C2:00:00:0X the bridge forwards, a bit for each X: 0x4000 for LLDP; the kernel refuses the bits 0 to 2"`
}

// options lists the options (IFLA_BR_* in linux/if_link.h). The defaults are those of br_dev_setup in net/bridge/br_device.c.
func (o *bridgeOptions) options() []option {
	return []option{
		// The kernel reports 2 if /sbin/bridge-stp runs the spanning tree. The kernel asks that program first, and runs the
		// spanning tree itself if the program fails (br_stp_start in net/bridge/br_stp_if.c).
		flag("stp", nl.IFLA_BR_STP_STATE, 4, o.STP).sentFirst(),
		number("priority", nl.IFLA_BR_PRIORITY, 2, o.Priority).usually("32768"),
		ticks("forward_delay", nl.IFLA_BR_FORWARD_DELAY, o.ForwardDelay).usually("1500"),
		ticks("hello_time", nl.IFLA_BR_HELLO_TIME, o.HelloTime).usually("200"),
		ticks("max_age", nl.IFLA_BR_MAX_AGE, o.MaxAge).usually("2000"),
		// While the topology changes, addresses expire after twice the forward delay (__br_set_topology_change in
		// net/bridge/br_stp.c).
		ticks("ageing_time", nl.IFLA_BR_AGEING_TIME, o.AgeingTime).usually("30000").replacedBy(nl.IFLA_BR_TOPOLOGY_CHANGE),
		flag("vlan_filtering", nl.IFLA_BR_VLAN_FILTERING, 1, o.VLANFiltering),
		number("vlan_default_pvid", nl.IFLA_BR_VLAN_DEFAULT_PVID, 2, o.VLANDefaultPVID).usually("1"),
		vlanProtocol("vlan_protocol", nl.IFLA_BR_VLAN_PROTOCOL, o.VLANProtocol),
		flag("mcast_snooping", nl.IFLA_BR_MCAST_SNOOPING, 1, o.McastSnooping).usually("true"),
		flag("mcast_querier", nl.IFLA_BR_MCAST_QUERIER, 1, o.McastQuerier),
		number("mcast_igmp_version", nl.IFLA_BR_MCAST_IGMP_VERSION, 1, o.McastIGMP).usually("2"),
		number("group_fwd_mask", nl.IFLA_BR_GROUP_FWD_MASK, 2, o.GroupFwdMask).usually("0"),
	}
}

// wrong checks the forward delay, which the kernel limits only with a spanning tree (br_set_forward_delay in net/bridge/br_stp.c),
// and the mask (BR_GROUPFWD_RESTRICTED in net/bridge/br_private.h).
func (o *bridgeOptions) wrong() (key, why string) {
	if d := o.ForwardDelay; o.STP != nil && *o.STP && d != nil && (*d < 200 || *d > 3000) {
		return "forward_delay", "forward_delay is 200 to 3000 with stp: true"
	}
	if m := o.GroupFwdMask; m != nil && *m&7 != 0 {
		return "group_fwd_mask", "the kernel forwards no frames to 01:80:C2:00:00:00, :01 and :02: leave out the bits 0 to 2 of group_fwd_mask"
	}
	return "", ""
}
