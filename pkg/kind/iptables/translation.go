package iptables

import (
	"net/netip"
	"slices"
	"strings"
)

// flow is a tracked connection: the addresses and ports of its first packet, and the end that answers.
type flow struct {
	protocol uint8
	from, to netip.AddrPort
	// answers is the end to which the packets go. It equals to, unless a rule has translated that.
	answers netip.AddrPort
}

// reversed returns the flow that an answer begins, if no rule translates it.
func (f flow) reversed() flow {
	return flow{protocol: f.protocol, from: f.to, to: f.from, answers: f.from}
}

// untranslated returns the flow as it is if no rule translates it.
func (f flow) untranslated() flow {
	f.answers = f.to
	return f
}

// destinations has the ends to which rules may send a packet. The zero AddrPort stands for the packet's own destination.
type destinations map[netip.AddrPort]bool

// destinationsOf follows the packet that begins a flow through a chain of the table nat. local reports whether an address belongs
// to the namespace. known is false if a rule that the packet may match does something that linkd cannot follow.
func destinationsOf(rules []Rule, f flow, local func(netip.Addr) bool) (to destinations, known bool) {
	to = destinations{}
	for _, r := range rules {
		meets := r.translates(f, local)
		if meets == no {
			continue
		}
		at, decides, understood := r.destination(f)
		if !understood {
			return nil, false
		}
		if !decides {
			continue
		}
		to[at] = true
		if meets == yes {
			return to, true
		}
	}
	to[netip.AddrPort{}] = true
	return to, true
}

// destination returns where a rule sends the packet that begins a flow. decides is false for a rule that only counts or logs, and
// understood is false if linkd cannot tell the effect of the rule.
func (r Rule) destination(f flow) (to netip.AddrPort, decides, understood bool) {
	switch r.targets() {
	case "", "LOG", "NFLOG", "MARK", "CONNMARK":
		return to, false, true
	case "ACCEPT", "RETURN":
		return to, true, true
	case "DNAT":
		at := slices.Index(r.Args, "--to-destination")
		if at < 0 || at+2 != len(r.Args) {
			// It is a list of targets, a random port, or a persistent choice.
			return to, false, false
		}
		text := r.Args[at+1]
		if to, err := netip.ParseAddrPort(text); err == nil && to.Port() != 0 {
			return to, true, true
		}
		if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
			return netip.AddrPortFrom(ip, f.to.Port()), true, true
		}
	}
	return to, false, false
}

// translates reports whether the packet that begins a flow matches a rule of the table nat. It may match conditions about what the
// flow does not have, such as the interface.
func (r Rule) translates(f flow, local func(netip.Addr) bool) answer {
	return r.meetsAll(func(option, value string) (one answer, known bool) {
		switch option {
		case "-m", "--match", "--comment":
			return yes, true
		case "-p", "--protocol":
			return meetsIf(protocolNumber(protocolName(value)) == int(f.protocol)), true
		case "-d", "--destination":
			return isWithin(f.to.Addr(), value), true
		case "-s", "--source":
			return isWithin(f.from.Addr(), value), true
		case "--dport", "--destination-port":
			return isInPorts(f.to.Port(), value), true
		case "--sport", "--source-port":
			return isInPorts(f.from.Port(), value), true
		case "--dst-type":
			if value == "LOCAL" {
				return meetsIf(local(f.to.Addr())), true
			}
			return maybe, true
		}
		return maybe, false
	}, "-j", "-g", "--jump", "--goto")
}

func meetsIf(is bool) answer {
	if is {
		return yes
	}
	return no
}

// isWithin reports whether an address is in a network as iptables prints it.
func isWithin(ip netip.Addr, network string) answer {
	if p, ok := networkOf(network); ok {
		return meetsIf(p.Contains(ip))
	}
	return maybe
}

// networkOf reads a network, or a single address, as iptables prints it.
func networkOf(text string) (network netip.Prefix, ok bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, true
	}
	ip, err := netip.ParseAddr(text)
	return netip.PrefixFrom(ip, ip.BitLen()), err == nil
}

// endOf reads ADDRESS:PORT, or ADDRESS, which gets the given port. ok is false for a range.
func endOf(text string, port uint16) (end netip.AddrPort, ok bool) {
	if end, err := netip.ParseAddrPort(text); err == nil {
		return end, true
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return end, false
	}
	return netip.AddrPortFrom(ip, port), true
}

// isInPorts reports whether a port is in a range as iptables prints it.
func isInPorts(port uint16, text string) answer {
	first, last, ok := portRange(text)
	if !ok {
		return maybe
	}
	return meetsIf(port >= first && port <= last)
}

// retarget is a change of linkd's rules in the table nat, which determine the destinations of connections: the rules before and
// after, by built-in chain.
type retarget struct {
	before, after map[string][]Rule
	local         func(netip.Addr) bool
}

// translators has the built-in chains in which rules translate a destination (iptables-extensions(8), DNAT).
var translators = []string{"PREROUTING", "OUTPUT"}

// leadsElsewhere reports whether a flow goes where the rules before sent it, and where the rules after would not send it. It is
// false for a flow whose destination is unchanged, and for one that a foreign rule sends elsewhere.
func (r *retarget) leadsElsewhere(f flow) bool {
	hook := "PREROUTING"
	if r.local(f.from.Addr()) {
		hook = "OUTPUT"
	}
	before, knownBefore := destinationsOf(r.before[hook], f, r.local)
	after, knownAfter := destinationsOf(r.after[hook], f, r.local)
	if !knownBefore || !knownAfter {
		return false
	}
	now := f.answers
	if now == f.to {
		now = netip.AddrPort{}
	}
	return before[now] && !after[now]
}

// changes reports whether the rules before and after translate differently.
func (r *retarget) changes() bool {
	for _, hook := range translators {
		if !sameArgs(r.before[hook], r.after[hook]) {
			return true
		}
	}
	return false
}

// sameArgs reports whether two lists of rules have the same arguments.
func sameArgs(a, b []Rule) bool {
	return slices.EqualFunc(a, b, func(a, b Rule) bool { return slices.Equal(a.Args, b.Args) })
}

// reached returns the rules in linkd's chains for the built-in chains that translate, without chains that no packet reaches.
func (t *table) reached() map[string][]Rule {
	rules := map[string][]Rule{}
	for _, hook := range translators {
		c := &Chain{Table: t.name, Name: ownPrefix + hook}
		for _, r := range t.chains[hook] {
			if slices.Equal(r.Args, c.jump().Args) {
				rules[hook] = t.chains[c.Name]
			}
		}
	}
	return rules
}
