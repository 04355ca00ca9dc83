package route

import (
	"strconv"

	"golang.org/x/sys/unix"

	"linkd/pkg/kind/address"
)

// Protocol says who created a route or a policy rule (rtnetlink(7), rtm_protocol).
type Protocol uint8

// protocols has the names in ip(8) (etc/iproute2/rt_protos in iproute2).
var protocols = map[Protocol]string{
	0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated", 9: "ra", 10: "mrt", 11: "zebra", 12: "bird",
	13: "dnrouted", 14: "xorp", 15: "ntk", 16: "dhcp", 17: "mrouted", 18: "keepalived", 42: "babel", 99: "openr",
	186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp",
}

func (p Protocol) String() string {
	if name, named := protocols[p]; named {
		return name
	}
	return strconv.Itoa(int(p))
}

// IsAdministrators reports whether the number stands for an administrator or linkd. The others stand for the kernel, and for
// programs that maintain their routes and rules (RTPROT_* in linux/rtnetlink.h).
func (p Protocol) IsAdministrators() bool {
	switch p {
	case unix.RTPROT_UNSPEC, unix.RTPROT_BOOT, unix.RTPROT_STATIC, address.Mark:
		return true
	}
	return false
}
