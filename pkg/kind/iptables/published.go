package iptables

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// arriving has the packets that begin a connection to a published port, as far as linkd knows them. Methods that narrow them return
// a copy.
type arriving struct {
	protocol    uint8
	first, last uint16
	// at has the namespace's addresses to which they go.
	at []netip.Addr
	// in is the interface by which they come in, as iptables prints it; "" for any except notIn. Packets that the namespace sends
	// have none.
	in    string
	notIn []string
	// sent: the namespace sends them.
	sent bool
}

func (p arriving) none() bool { return len(p.at) == 0 || p.first > p.last }

// arrives returns the packets that match a rule of publish, and their destination. own has the addresses of the namespace.
func (r Rule) arrives(hook string, own []netip.Addr) (p arriving, to string) {
	p = arriving{sent: hook == "OUTPUT", last: 65535}
	var from, except netip.Prefix
	r.eachCondition(func(option, value string, not bool) bool {
		switch option {
		case "-p":
			p.protocol = uint8(protocolNumber(value))
		case "--dport":
			p.first, p.last, _ = portRange(value)
		case "-d":
			if prefix, err := netip.ParsePrefix(value); err == nil && not {
				except = prefix
			} else if err == nil {
				from = prefix
			}
		case "-m", "--dst-type":
		default:
			return false
		}
		return true
	}, "-j")
	for _, ip := range own {
		if (!from.IsValid() || from.Contains(ip)) && !(except.IsValid() && except.Contains(ip)) && (p.sent || !ip.IsLoopback()) {
			p.at = append(p.at, ip)
		}
	}
	return p, r.value("--to-destination")
}

// narrow returns the packets that match a rule of iptables. sure is false if the rule has conditions that linkd does not know.
func (r Rule) narrow(p arriving) (some arriving, sure bool) {
	sure = true
	r.eachCondition(func(option, value string, not bool) (known bool) {
		one, is := p, true
		switch option {
		case "-m", "--match":
			is = !not && slices.Contains([]string{"comment", "tcp", "udp", "sctp", "multiport", "addrtype", "conntrack", "state"}, value)
		case "--comment":
		case "-p", "--protocol":
			one = p.only(not != (protocolNumber(protocolName(value)) == int(p.protocol)))
		case "-d", "--destination":
			one, is = p.forNetwork(value, not)
		case "--dport", "--destination-port":
			first, last, ok := portRange(value)
			if one, is = p.forPorts(first, last, not); !ok {
				one, is = p, false
			}
		case "--dports", "--destination-ports":
			one, is = p.forPortLists(value, not)
		case "--dst-type":
			if is = value == "LOCAL"; is {
				one = p.only(!not)
			}
		case "-i", "--in-interface":
			one, is = p.by(value, not)
		case "-o", "--out-interface":
			// Packets from the namespace to itself leave by the loopback interface.
			one = p.only(not != (named(value, "lo") == yes))
		case "--ctstate", "--state":
			one = p.only(not != slices.Contains(strings.Split(value, ","), "NEW"))
		default:
			sure = false
			return false
		}
		p, sure = one, sure && is
		return true
	}, "-j", "-g", "--jump", "--goto")
	return p, sure
}

// only returns all of the packets, or none.
func (p arriving) only(all bool) arriving {
	if !all {
		p.at = nil
	}
	return p
}

func (p arriving) forNetwork(text string, not bool) (some arriving, sure bool) {
	network, ok := networkOf(text)
	if !ok {
		return p, false
	}
	return p.forAddresses(func(ip netip.Addr) bool { return network.Contains(ip) != not }), true
}

func (p arriving) forAddresses(are func(netip.Addr) bool) arriving {
	p.at = slices.DeleteFunc(slices.Clone(p.at), func(ip netip.Addr) bool { return !are(ip) })
	return p
}

func (p arriving) forPorts(first, last uint16, not bool) (some arriving, sure bool) {
	apart := last < p.first || first > p.last
	switch {
	case not && apart, !not && first <= p.first && p.last <= last:
		return p, true
	case apart, not && first <= p.first && p.last <= last:
		return p.only(false), true
	case not:
		return p, false
	}
	p.first, p.last = max(p.first, first), min(p.last, last)
	return p, true
}

// forPortLists returns the packets for one of several ports or ranges.
func (p arriving) forPortLists(list string, not bool) (some arriving, sure bool) {
	lists := strings.Split(list, ",")
	for _, text := range lists {
		first, last, ok := portRange(text)
		if !ok {
			return p, false
		}
		if one, sure := p.forPorts(first, last, false); !one.none() {
			if whole := one.first == p.first && one.last == p.last; whole || len(lists) == 1 && !not {
				return one.only(!not), sure
			}
			return p, false
		}
	}
	return p.only(not), true
}

// by returns the packets that come in by an interface or, with not, by any other.
func (p arriving) by(name string, not bool) (some arriving, sure bool) {
	is := p.in == name
	switch {
	case p.sent:
		return p.only(not), true
	case p.in == "" && not:
		p.notIn = append(slices.Clip(p.notIn), name)
		return p, true
	case p.in == "" && slices.Contains(p.notIn, name):
		return p.only(false), true
	case p.in == "":
		p.in, p.notIn = name, nil
		return p, true
	case !is && (strings.HasSuffix(p.in, "+") || strings.HasSuffix(name, "+")):
		return p, false
	}
	return p.only(is != not), true
}

// without returns the packets without some of them; ok is false if these differ in more than one way.
func (p arriving) without(some arriving) (rest arriving, ok bool) {
	ports := p.first == some.first && p.last == some.last
	at := len(p.at) == len(some.at)
	by := p.in == some.in && len(p.notIn) == len(some.notIn)
	switch {
	case ports && at && by:
		return p.only(false), true
	case ports && by:
		return p.forAddresses(func(ip netip.Addr) bool { return !slices.Contains(some.at, ip) }), true
	case ports && at && p.in == "" && some.in != "":
		p.notIn = append(slices.Clip(p.notIn), some.in)
		return p, true
	case ports && at && len(some.notIn) == len(p.notIn)+1:
		p.in, p.notIn = some.notIn[len(p.notIn)], nil
		return p, true
	}
	return p, false
}

// describe says which part of whole these packets are: "tcp port 8080 of 192.0.2.1 that come by eth0".
func (p arriving) describe(whole arriving, protocol string) string {
	text := fmt.Sprintf("%s port %s", protocol, ports{first: p.first, last: p.last})
	const most = 3
	if n := len(p.at); n < len(whole.at) {
		var names []string
		for _, ip := range p.at[:min(n, most)] {
			names = append(names, ip.String())
		}
		if text += " of " + strings.Join(names, ", "); n > most {
			text += fmt.Sprintf(" and %d more", n-most)
		}
	}
	if p.in != "" {
		text += " by " + p.in
	}
	return text
}

// portRange parses a port or a range as iptables prints it.
func portRange(text string) (first, last uint16, ok bool) {
	from, to, isRange := strings.Cut(text, ":")
	if !isRange {
		to = from
	}
	low, err := strconv.ParseUint(from, 10, 16)
	high, err2 := strconv.ParseUint(to, 10, 16)
	return uint16(low), uint16(high), err == nil && err2 == nil
}
