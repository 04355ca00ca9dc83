package device

import (
	"slices"

	"golang.org/x/sys/unix"
)

// flagBits are the flags of an interface with a key (netdevice(7)).
var flagBits = map[string]uint32{promisc: unix.IFF_PROMISC, allMulticast: unix.IFF_ALLMULTI}

const promisc, allMulticast = "promisc", "allmulticast"

// offload is an offload by the names of ethtool(8), with the kernel's names of its parts (netdev_features_strings in
// net/ethtool/common.c).
type offload struct {
	long, short string
	parts       []string
}

var offloads = []offload{
	{"rx-checksumming", "rx", []string{"rx-checksum"}},
	{"tx-checksumming", "tx", []string{"tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6", "tx-checksum-fcoe-crc", "tx-checksum-sctp"}},
	{"scatter-gather", "sg", []string{"tx-scatter-gather", "tx-scatter-gather-fraglist"}},
	{"tcp-segmentation-offload", "tso", []string{"tx-tcp-segmentation", "tx-tcp-ecn-segmentation", "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation"}},
	{"generic-segmentation-offload", "gso", []string{"tx-generic-segmentation"}},
	{"generic-receive-offload", "gro", []string{"rx-gro"}},
	{"large-receive-offload", "lro", []string{"rx-lro"}},
	{"rx-vlan-offload", "rxvlan", []string{"rx-vlan-hw-parse"}},
	{"tx-vlan-offload", "txvlan", []string{"tx-vlan-hw-insert"}},
	{"ntuple-filters", "ntuple", []string{"rx-ntuple-filter"}},
	{"receive-hashing", "rxhash", []string{"rx-hashing"}},
}

// kernelNames are further names of the kernel, for suggestions. A newer kernel may have others.
var kernelNames = []string{
	"esp-hw-offload", "esp-tx-csum-hw-offload", "fcoe-mtu", "highdma", "hsr-dup-offload", "hsr-fwd-offload", "hsr-tag-ins-offload",
	"hsr-tag-rm-offload", "hw-tc-offload", "l2-fwd-offload", "loopback", "macsec-hw-offload", "rx-all", "rx-fcs", "rx-gro-hw",
	"rx-gro-list", "rx-udp-gro-forwarding", "rx-udp_tunnel-port-offload", "rx-vlan-filter", "rx-vlan-stag-filter",
	"rx-vlan-stag-hw-parse", "tls-hw-record", "tls-hw-rx-offload", "tls-hw-tx-offload", "tx-esp-segmentation",
	"tx-gre-csum-segmentation", "tx-gre-segmentation", "tx-gso-list", "tx-gso-partial", "tx-gso-robust", "tx-ipxip4-segmentation",
	"tx-ipxip6-segmentation", "tx-nocache-copy", "tx-sctp-segmentation", "tx-tcp-accecn-segmentation", "tx-tunnel-remcsum-segmentation",
	"tx-udp-segmentation", "tx-udp_tnl-csum-segmentation", "tx-udp_tnl-segmentation", "tx-vlan-stag-hw-insert",
}

// longName returns the name of an offload in IDs: the long one if the offload is one of ethtool(8).
func longName(name string) string {
	for _, o := range offloads {
		if name == o.short || len(o.parts) == 1 && name == o.parts[0] {
			return o.long
		}
	}
	return name
}

// partsOf returns the kernel's names of an offload's parts.
func partsOf(name string) []string {
	for _, o := range offloads {
		if name == o.long {
			return o.parts
		}
	}
	return []string{name}
}

// knownNames returns all names of offloads that linkd knows.
func knownNames() (names []string) {
	for _, o := range offloads {
		names = append(names, o.long, o.short)
		names = append(names, o.parts...)
	}
	return append(names, kernelNames...)
}

// usuallyOff are the parts that are off on a new interface (NETIF_F_SOFT_FEATURES_OFF and register_netdevice in net/core/dev.c).
var usuallyOff = []string{"rx-gro-list", "rx-udp-gro-forwarding", "tx-nocache-copy", "rx-lro", "rx-all", "rx-fcs", "loopback"}

// usuallyOffOnBonds are the parts that are off on a new bond, too, unless its mode is active-backup (bond_setup in
// drivers/net/bonding/bond_main.c).
var usuallyOffOnBonds = []string{"esp-hw-offload", "esp-tx-csum-hw-offload", "tx-esp-segmentation"}

// isUsual returns the state of a switch of a new interface of a type.
func isUsual(linkType, name string) bool {
	switch {
	case linkType == "bond" && name == "rx-lro":
		// BOND_VLAN_FEATURES in drivers/net/bonding/bond_main.c.
		return true
	case linkType == "bond" && slices.Contains(usuallyOffOnBonds, name):
		return false
	case flagBits[name] != 0, slices.Contains(usuallyOff, name):
		return false
	case linkType == "veth" && name == "rx-gro":
		// veth_newlink in drivers/net/veth.c.
		return false
	case (linkType == "tap" || linkType == "tun") && name == "tx-tcp-mangleid-segmentation":
		// TUN_USER_FEATURES in drivers/net/tun.c.
		return false
	}
	return true
}
