package iptables

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Packet is a packet with all fields that rules usually check.
type Packet struct {
	// In and Out are the interfaces by which it comes in and leaves; "" if there is none at the hook.
	In, Out string
	// Source and Destination have port 0 if the protocol has no ports.
	Source, Destination netip.AddrPort
	Protocol            uint8
	// Reply: it answers the first packet of a tracked connection.
	Reply bool
	// First and Answer are the ends of that connection: those of its first packet as it arrived, and those of the answer to it.
	First, Answer Ends
	// Local reports whether an address belongs to the namespace.
	Local func(netip.Addr) bool
}

// Ends are the source and the destination of a packet.
type Ends struct{ Source, Destination netip.AddrPort }

// states returns the states of the packet's connection, with iptables' names (iptables-extensions(8), conntrack).
func (p *Packet) states() []string {
	states := []string{"NEW"}
	if p.Reply {
		states[0] = "ESTABLISHED"
	}
	if p.First.Destination != p.Answer.Source {
		states = append(states, "DNAT")
	}
	if p.First.Source != p.Answer.Destination {
		states = append(states, "SNAT")
	}
	return states
}

// plainModules has the matches whose options are all of their conditions.
var plainModules = []string{"comment", "conntrack", "state", "tcp", "udp", "icmp", "icmp6", "multiport", "addrtype"}

// meets reports whether the packet matches a rule.
func (p *Packet) meets(r Rule) answer {
	return r.meetsAll(func(option, value string) (one answer, known bool) {
		switch option {
		case "-m":
			if !slices.Contains(plainModules, value) {
				return maybe, true
			}
			return yes, true
		case "--comment":
			return yes, true
		case "-i":
			return named(value, p.In), true
		case "-o":
			return named(value, p.Out), true
		case "-s":
			return isWithin(p.Source.Addr(), value), true
		case "-d":
			return isWithin(p.Destination.Addr(), value), true
		case "-p":
			return meetsIf(value == "all" || protocolNumber(protocolName(value)) == int(p.Protocol)), true
		case "--sport":
			return p.inPorts(p.Source, value), true
		case "--dport":
			return p.inPorts(p.Destination, value), true
		case "--sports":
			return p.inAnyPorts(value, p.Source), true
		case "--dports":
			return p.inAnyPorts(value, p.Destination), true
		case "--ports":
			return p.inAnyPorts(value, p.Source, p.Destination), true
		case "--icmp-type", "--icmpv6-type":
			return p.isICMP(value), true
		case "--src-type":
			return p.hasType(p.Source.Addr(), value), true
		case "--dst-type":
			return p.hasType(p.Destination.Addr(), value), true
		case "--state", "--ctstate":
			return meetsIf(slices.ContainsFunc(p.states(), func(s string) bool { return slices.Contains(strings.Split(value, ","), s) })), true
		}
		return p.meetsTracked(option, value)
	}, "-j", "-g")
}

// meetsTracked evaluates the conditions for the packet's connection.
func (p *Packet) meetsTracked(option, value string) (one answer, known bool) {
	switch option {
	case "--ctdir":
		return meetsIf((value == "REPLY") == p.Reply), true
	case "--ctproto":
		return meetsIf(value == strconv.Itoa(int(p.Protocol))), true
	case "--ctorigsrc":
		return isWithin(p.First.Source.Addr(), value), true
	case "--ctorigdst":
		return isWithin(p.First.Destination.Addr(), value), true
	case "--ctreplsrc":
		return isWithin(p.Answer.Source.Addr(), value), true
	case "--ctrepldst":
		return isWithin(p.Answer.Destination.Addr(), value), true
	case "--ctorigsrcport":
		return p.inPorts(p.First.Source, value), true
	case "--ctorigdstport":
		return p.inPorts(p.First.Destination, value), true
	case "--ctreplsrcport":
		return p.inPorts(p.Answer.Source, value), true
	case "--ctrepldstport":
		return p.inPorts(p.Answer.Destination, value), true
	}
	return maybe, false
}

// inPorts reports whether the port of an end is in a range. A source port that the kernel has not chosen yet is 0.
func (p *Packet) inPorts(end netip.AddrPort, text string) answer {
	switch p.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP:
	default:
		return no
	}
	if end.Port() == 0 {
		return maybe
	}
	return isInPorts(end.Port(), text)
}

// inAnyPorts reports whether the port of one of the ends is in a list of ranges.
func (p *Packet) inAnyPorts(list string, ends ...netip.AddrPort) answer {
	best := no
	for _, text := range strings.Split(list, ",") {
		for _, end := range ends {
			best = max(best, p.inPorts(end, text))
		}
	}
	return best
}

// The types of echo requests and replies (RFC 792, RFC 4443).
const (
	echo4, echoReply4 = 8, 0
	echo6, echoReply6 = 128, 129
)

// isICMP reports whether the packet is of an ICMP type. linkd follows only echo requests and replies.
func (p *Packet) isICMP(text string) answer {
	request, reply := echo4, echoReply4
	switch p.Protocol {
	case unix.IPPROTO_ICMP:
	case unix.IPPROTO_ICMPV6:
		request, reply = echo6, echoReply6
	default:
		return no
	}
	own := request
	if p.Reply {
		own = reply
	}
	number, code, _ := strings.Cut(text, "/")
	kind, err := strconv.Atoi(number)
	switch {
	case text == "any" || text == "255":
		return yes
	case err != nil:
		return maybe
	}
	return meetsIf(kind == own && (code == "" || code == "0"))
}

// hasType reports whether an address is of a type (iptables-extensions(8), addrtype).
func (p *Packet) hasType(ip netip.Addr, types string) answer {
	best := no
	for _, t := range strings.Split(types, ",") {
		switch {
		case t == "LOCAL":
			best = max(best, meetsIf(p.Local(ip)))
		case t == "UNICAST":
			best = max(best, meetsIf(!p.Local(ip) && !ip.IsMulticast()))
		case t == "MULTICAST":
			best = max(best, meetsIf(ip.IsMulticast()))
		default:
			best = max(best, maybe)
		}
	}
	return best
}
