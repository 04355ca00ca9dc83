package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var bond = &Type{
	Name: "bond",
	Doc:  "several interfaces as one; they join it with master (ip-link(8), bond)",
	New:  func() Options { return &bondOptions{} },
	// A bond without an address of its own takes that of its first port (bond_enslave in drivers/net/bonding/bond_main.c).
	OwnMAC:      true,
	ResetsPorts: true,
	// bond_setup in drivers/net/bonding/bond_main.c.
	MaxMTU: 65535,
	// BOND_DEFAULT_TX_QUEUES in drivers/net/bonding/bond_main.c.
	Queues: 16,
	Change: changeBond,
	Refine: namePrimary,
}

type bondOptions struct {
	Mode           *string      `yaml:"mode" oneof:"balance-rr active-backup balance-xor broadcast 802.3ad balance-tlb balance-alb" doc:"how the ports are used; the kernel's default is balance-rr"`
	Miimon         *int         `yaml:"miimon" also:"mii-monitor-interval" min:"0" max:"2147483647" doc:"time between checks of the ports' carriers, in milliseconds; 0 for no checks"`
	UpDelay        *int         `yaml:"updelay" also:"up-delay" min:"0" max:"2147483647" doc:"how long a port has a carrier before it is used, in milliseconds; a multiple of miimon"`
	DownDelay      *int         `yaml:"downdelay" also:"down-delay" min:"0" max:"2147483647" doc:"how long a port has no carrier before it is not used, in milliseconds; a multiple of miimon"`
	ARPInterval    *int         `yaml:"arp_interval" also:"arp-interval" min:"0" max:"2147483647" doc:"time between ARP requests that show which ports work, in milliseconds; instead of miimon"`
	ARPIPTarget    []arpTarget  `yaml:"arp_ip_target" also:"arp-ip-targets arp_ip_targets" doc:"the IPv4 addresses that these requests ask for, at most 16"`
	Primary        *spec.IfName `yaml:"primary" also:"primary-slave" doc:"the port that is used whenever it works, in active-backup, balance-tlb and balance-alb"`
	Reselect       *string      `yaml:"primary_reselect" also:"primary-reselect-policy" oneof:"always better failure" doc:"when the primary port is used again; the kernel's default is always"`
	FailOverMAC    *string      `yaml:"fail_over_mac" also:"fail-over-mac-policy" oneof:"none active follow" doc:"whose MAC address the bond has in active-backup; the kernel's default is none: always the same"`
	XmitHashPolicy *string      `yaml:"xmit_hash_policy" also:"transmit-hash-policy" oneof:"layer2 layer3+4 layer2+3 encap2+3 encap3+4 vlan+srcmac" doc:"the headers of a packet by which the bond chooses its port; the kernel's default is layer2"`
	LACPRate       *string      `yaml:"lacp_rate" also:"lacp-rate" oneof:"slow fast" doc:"how often the bond asks the switch to send LACP packets: every 30 seconds or every second; the kernel's default is slow"`
	LACPActive     *bool        `yaml:"lacp_active" doc:"send LACP packets unasked; Linux 5.15 or later; the kernel's default is true"`
	AdSelect       *string      `yaml:"ad_select" also:"ad-select" oneof:"stable bandwidth count" doc:"which group of ports is used with LACP; the kernel's default is stable"`
	MinLinks       *int         `yaml:"min_links" also:"min-links" min:"0" max:"2147483647" doc:"the number of working ports from which the bond has a carrier, with LACP"`
	AllPorts       *bool        `yaml:"all_slaves_active" also:"all-slaves-active all_ports_active" doc:"accept packets from ports that are not in use"`
	ResendIGMP     *int         `yaml:"resend_igmp" min:"0" max:"255" doc:"how often the bond joins multicast groups again after a failover; the kernel's default is 1"`
	PeerNotify     *int         `yaml:"num_grat_arp" also:"gratuitous-arp num_unsol_na" min:"0" max:"255" doc:"how often the bond announces addresses after a failover; the kernel's default is 1"`
}

// The numbers are those of linux/if_bonding.h and drivers/net/bonding/bond_options.c.
var (
	bondModes     = map[string]int{"balance-rr": 0, "active-backup": 1, "balance-xor": 2, "broadcast": 3, "802.3ad": 4, "balance-tlb": 5, "balance-alb": 6}
	bondReselects = map[string]int{"always": 0, "better": 1, "failure": 2}
	bondFailOvers = map[string]int{"none": 0, "active": 1, "follow": 2}
	bondHashes    = map[string]int{"layer2": 0, "layer3+4": 1, "layer2+3": 2, "encap2+3": 3, "encap3+4": 4, "vlan+srcmac": 5}
	bondRates     = map[string]int{"slow": 0, "fast": 1}
	bondSelects   = map[string]int{"stable": 0, "bandwidth": 1, "count": 2}
)

// options lists the options, in the order in which bond_changelink in drivers/net/bonding/bond_netlink.c takes them. The kernel
// changes some only while the bond is down, or has no ports (bond_opts in drivers/net/bonding/bond_options.c).
func (o *bondOptions) options() []option {
	primary := option{name: "primary", attr: nl.IFLA_BOND_PRIMARY, indirect: true, format: func(name []byte) string { return string(name) }}
	if o.Primary != nil {
		primary.want = []byte(*o.Primary)
	}
	return []option{
		word("mode", nl.IFLA_BOND_MODE, 1, o.Mode, bondModes).immutable().usually("balance-rr"),
		number("miimon", nl.IFLA_BOND_MIIMON, 4, o.Miimon).usually("0"),
		number("updelay", nl.IFLA_BOND_UPDELAY, 4, o.UpDelay).usually("0"),
		number("downdelay", nl.IFLA_BOND_DOWNDELAY, 4, o.DownDelay).usually("0"),
		number("arp_interval", nl.IFLA_BOND_ARP_INTERVAL, 4, o.ARPInterval).usually("0"),
		targetsOption(o.ARPIPTarget),
		primary,
		word("primary_reselect", nl.IFLA_BOND_PRIMARY_RESELECT, 1, o.Reselect, bondReselects).usually("always"),
		word("fail_over_mac", nl.IFLA_BOND_FAIL_OVER_MAC, 1, o.FailOverMAC, bondFailOvers).immutable().usually("none"),
		word("xmit_hash_policy", nl.IFLA_BOND_XMIT_HASH_POLICY, 1, o.XmitHashPolicy, bondHashes).usually("layer2"),
		number("resend_igmp", nl.IFLA_BOND_RESEND_IGMP, 4, o.ResendIGMP).usually("1"),
		number("num_grat_arp", nl.IFLA_BOND_NUM_PEER_NOTIF, 1, o.PeerNotify).usually("1"),
		flag("all_slaves_active", nl.IFLA_BOND_ALL_SLAVES_ACTIVE, 1, o.AllPorts),
		number("min_links", nl.IFLA_BOND_MIN_LINKS, 4, o.MinLinks).usually("0"),
		word("lacp_rate", nl.IFLA_BOND_AD_LACP_RATE, 1, o.LACPRate, bondRates).immutable().usually("slow"),
		word("ad_select", nl.IFLA_BOND_AD_SELECT, 1, o.AdSelect, bondSelects).immutable().usually("stable"),
		flag("lacp_active", bondLACPActive, 1, o.LACPActive).immutable().usually("true"),
	}
}

// bondLACPActive is IFLA_BOND_AD_LACP_ACTIVE in linux/if_link.h.
const bondLACPActive = 29

// arpTarget is an IPv4 address.
type arpTarget netip.Addr

// DecodeWord parses the address.
func (a *arpTarget) DecodeWord(word string) error {
	ip, err := address.ParseIP(word)
	if err == nil && !ip.Is4() {
		err = fmt.Errorf("%s: ARP is of IPv4", ip)
	}
	*a = arpTarget(ip)
	return err
}

func (arpTarget) Syntax() spec.Syntax {
	return spec.Syntax{Name: "IPv4 address", Doc: "An IPv4 address without a length: `192.0.2.1`.", Pattern: "^[0-9.]+$"}
}

// targetsOption returns the option with a list of addresses. A change replaces the list.
func targetsOption(targets []arpTarget) option {
	o := option{name: "arp_ip_target", attr: nl.IFLA_BOND_ARP_IP_TARGET, format: func(list []byte) string {
		var words []string
		_ = observe.EachAttr(list, func(_ uint16, value []byte) error {
			if ip, is := netip.AddrFromSlice(value); is {
				words = append(words, ip.String())
			}
			return nil
		})
		return strings.Join(words, ",")
	}}
	if targets == nil {
		return o
	}
	o.want = []byte{}
	for i, t := range targets {
		o.want = append(o.want, nl.NewRtAttr(i, netip.Addr(t).AsSlice()).Serialize()...)
	}
	return o
}

// wrong checks options against each other.
func (o *bondOptions) wrong() (key, why string) {
	mode := spec.ValueOr(o.Mode, "balance-rr")
	switch {
	case spec.ValueOr(o.Miimon, 0) > 0 && spec.ValueOr(o.ARPInterval, 0) > 0:
		return "arp_interval", "miimon and arp_interval are two ways to watch the ports: choose one"
	case len(o.ARPIPTarget) > 16:
		return "arp_ip_target", "a bond asks for 16 addresses at most"
	case len(o.ARPIPTarget) > 0 && spec.ValueOr(o.ARPInterval, 0) == 0:
		return "arp_ip_target", "arp_ip_target needs arp_interval"
	case o.Primary != nil && mode != "active-backup" && mode != "balance-tlb" && mode != "balance-alb":
		return "primary", "a bond of the mode " + mode + " has no primary port"
	}
	for key, given := range map[string]bool{"lacp_rate": o.LACPRate != nil, "lacp_active": o.LACPActive != nil} {
		if given && mode != "802.3ad" {
			return key, key + " is of LACP, so mode: 802.3ad is needed"
		}
	}
	return "", ""
}

// namePrimary puts the name of the primary port in the place of its index.
func namePrimary(ns *observe.NS, data map[uint16][]byte) error {
	index := data[nl.IFLA_BOND_PRIMARY]
	if index == nil {
		return nil
	}
	name, err := ns.NameOf(int(observe.Number(index)))
	data[nl.IFLA_BOND_PRIMARY] = []byte(name)
	return err
}

// changeBond changes the options of a bond. The primary port can be named only once it has become a port.
func changeBond(ns *observe.NS, want, have *Link) error {
	o, data := want.Options.(*bondOptions), have.found.link.Data
	_, rest := changed(want.Options, data)
	rest = slices.DeleteFunc(rest, func(a *nl.RtAttr) bool { return a.Type == nl.IFLA_BOND_PRIMARY })
	if len(rest) > 0 {
		if err := set(ns, have.found.link.Index, nil, infoOf(want.Type, rest)); err != nil {
			return err
		}
	}
	if o.Primary == nil || string(*o.Primary) == string(data[nl.IFLA_BOND_PRIMARY]) {
		return nil
	}
	port, err := ns.LinkByName(string(*o.Primary))
	switch {
	case errors.Is(err, unix.ENODEV) || err == nil && port.Master != have.found.link.Index:
		return observe.Pendingf("%s is not a port of %s yet, so it cannot be the primary one", *o.Primary, want.Name)
	case err != nil:
		return err
	}
	return set(ns, have.found.link.Index, nil, infoOf(want.Type, []*nl.RtAttr{nl.NewRtAttr(nl.IFLA_BOND_PRIMARY, nl.Uint32Attr(uint32(port.Index)))}))
}
