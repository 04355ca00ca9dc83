package iptables

import (
	"net/netip"
	"slices"
	"strings"
)

// flow is a tracked connection: the addresses and ports of its first packet, and who answers.
type flow struct {
	protocol uint8
	from, to netip.AddrPort
	// answers is where the packets are sent on to. It is to, unless a rule has translated that.
	answers netip.AddrPort
}

// reversed is the flow that an answer begins, where no rule translates anything.
func (f flow) reversed() flow {
	return flow{protocol: f.protocol, from: f.to, to: f.from, answers: f.from}
}

// destinations are the places to which rules may send a packet. The zero AddrPort is the place that the packet names itself.
type destinations map[netip.AddrPort]bool

// destinationsOf follows the packet that begins a flow through a chain of the table nat. Local tells whether an address is
// one of the namespace's. Known is false if a rule that may be for the packet does something that linkd cannot follow.
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

// destination returns where a rule sends the packet that begins a flow. Decides is false for a rule that only counts or
// logs, and understood for one whose effect linkd cannot tell.
func (r Rule) destination(f flow) (to netip.AddrPort, decides, understood bool) {
	switch r.targets() {
	case "", "LOG", "NFLOG", "MARK", "CONNMARK":
		return to, false, true
	case "ACCEPT", "RETURN":
		return to, true, true
	case "DNAT":
		at := slices.Index(r.Args, "--to-destination")
		if at < 0 || at+2 != len(r.Args) {
			// A list of targets, a random port, or one that stays the same for a client.
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

// translates tells whether a rule of the table nat is for the packet that begins a flow. Of what the flow does not tell,
// such as the interface, it may be.
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

// isWithin tells whether an address is in a network as iptables writes it.
func isWithin(ip netip.Addr, network string) answer {
	if p, err := netip.ParsePrefix(network); err == nil {
		return meetsIf(p.Contains(ip))
	}
	if a, err := netip.ParseAddr(network); err == nil {
		return meetsIf(a == ip)
	}
	return maybe
}

// isInPorts tells whether a port is in a range as iptables writes it.
func isInPorts(port uint16, text string) answer {
	first, last, ok := portRange(text)
	if !ok {
		return maybe
	}
	return meetsIf(port >= first && port <= last)
}

// retarget is a change of linkd's rules in the table nat, which decide where the packets of a connection are sent on to:
// the rules before and after, by the built-in chain.
type retarget struct {
	before, after map[string][]Rule
	local         func(netip.Addr) bool
}

// translators are the built-in chains in which a destination is translated (iptables-extensions(8), DNAT).
var translators = []string{"PREROUTING", "OUTPUT"}

// leadsElsewhere tells whether a flow goes where the rules before have sent it, and the rules after would not. It is false for
// a flow whose way has not changed, and for one that somebody else has sent elsewhere.
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

// changes tells whether the rules before and after differ in what they translate.
func (r *retarget) changes() bool {
	for _, hook := range translators {
		if !sameArgs(r.before[hook], r.after[hook]) {
			return true
		}
	}
	return false
}

// sameArgs tells whether two lists of rules say the same.
func sameArgs(a, b []Rule) bool {
	return slices.EqualFunc(a, b, func(a, b Rule) bool { return slices.Equal(a.Args, b.Args) })
}

// reached are the rules that a table has in linkd's chains for the built-in chains that translate; none of a chain to which
// no packet comes.
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
