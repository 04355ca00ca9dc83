package observe

import "golang.org/x/sys/unix"

// Protocols are the names of protocols above IP that iproute2 and iptables print and that linkd takes, by their numbers
// (protocols(5)).
var Protocols = map[uint8]string{
	unix.IPPROTO_ICMP: "icmp", unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp", unix.IPPROTO_DCCP: "dccp",
	unix.IPPROTO_GRE: "gre", unix.IPPROTO_ESP: "esp", unix.IPPROTO_AH: "ah", unix.IPPROTO_ICMPV6: "ipv6-icmp",
	unix.IPPROTO_SCTP: "sctp", unix.IPPROTO_UDPLITE: "udplite",
}
