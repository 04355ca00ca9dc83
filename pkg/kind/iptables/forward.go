package iptables

import (
	"slices"
	"strconv"

	"linkd/pkg/spec"
)

// forward is an entry of forward: what happens to packets through the namespace.
type forward struct {
	In       device      `yaml:"in" also:"iif in_interface" absent:"any" doc:"the interface on which the packet arrives"`
	Out      device      `yaml:"out" also:"oif out_interface" absent:"any" doc:"the interface through which the packet leaves"`
	From     network     `yaml:"source" also:"src from" absent:"any" doc:"the source of the packet"`
	To       network     `yaml:"destination" also:"dst to" absent:"any" doc:"the destination of the packet; for a published port, its target"`
	Protocol protocolRef `yaml:"protocol" also:"proto" absent:"any" doc:"the protocol of the packet"`
	Port     ports       `yaml:"port" also:"dport ports dports" absent:"any" doc:"the destination port, with protocol tcp, udp or sctp"`
	Action   string      `yaml:"action" also:"target jump verdict" oneof:"ACCEPT DROP REJECT" default:"ACCEPT" doc:"what the kernel does with the packet; REJECT drops it and tells its sender"`
	Source   spec.Source
}

// forwards compiles all entries of a namespace. The replies to accepted packets come first: an entry that drops packets from a
// network is not meant for replies that another entry allows. last has the entries for all remaining packets, which come after the
// rules of publish.
func forwards(c *spec.Context, f family, entries []forward, chains chains) (last []Rule) {
	var rules []Rule
	for i, w := range entries {
		if !w.isValid(c, f) {
			continue
		}
		if w.isForAll() && i < len(entries)-1 {
			c.Reject(w.Source, "this entry matches everything, so the entries after it are never reached")
		}
		path := f.path(c, "forward")
		target := []string{"-j", "ACCEPT"}
		switch w.Action {
		case "", "ACCEPT":
			chains.add(filter, "FORWARD", newRule(path+"/replies", slices.Concat(w.replies(), target)...).from(w.Source))
		case "DROP":
			target = []string{"-j", "DROP"}
		case "REJECT":
			target = []string{"-j", "REJECT", "--reject-with", f.unreachable}
		}
		if w.isForAll() {
			last = append(last, newRule(path, target...).from(w.Source))
			continue
		}
		rules = append(rules, newRule(path, slices.Concat(w.match(), target)...).from(w.Source))
		if target[1] == "ACCEPT" && w.Protocol.protocol != nil && w.Protocol.bits == 0 {
			rules = append(rules, newRule(path+"/errors", slices.Concat(w.errors(), target)...).from(w.Source))
		}
	}
	for _, r := range rules {
		chains.add(filter, "FORWARD", r)
	}
	return last
}

// isForAll reports whether an entry matches all forwarded packets.
func (w forward) isForAll() bool { return len(w.match()) == 0 }

func (w forward) isValid(c *spec.Context, f family) bool {
	if w == (forward{Source: w.Source}) {
		c.Reject(w.Source, "say what to forward, or what not: in, out, source, destination, protocol or action")
		return false
	}
	if w.Port.first != 0 && (w.Protocol.protocol == nil || !w.Protocol.ported) {
		c.Reject(w.Port.src, "a port is one of tcp, udp or sctp: say which with protocol")
		return false
	}
	// Call all of them, to report all errors at once.
	from, to, protocol := w.From.isIn(c, f), w.To.isIn(c, f), w.Protocol.isIn(c, f)
	return from && to && protocol
}

func (w forward) match() []string {
	words := slices.Concat(w.From.match("-s"), w.To.match("-d"), w.In.match("-i"), w.Out.match("-o"))
	if w.Protocol.protocol == nil {
		return words
	}
	return slices.Concat(words, []string{"-p", w.Protocol.name}, w.Port.match(w.Protocol.name))
}

// replies matches only answers to accepted packets: the opposite way through the interfaces, of a connection between these ends.
// The connection's ends do not depend on the packet, so an ICMP error about one of its packets (RELATED) matches, too.
func (w forward) replies() []string {
	return slices.Concat(w.Out.match("-i"), w.In.match("-o"), w.connection("RELATED,ESTABLISHED"), []string{"--ctdir", "REPLY"})
}

// errors matches ICMP errors about replies. They go the way of the accepted packets, but have another protocol. Path MTU discovery
// needs them.
func (w forward) errors() []string {
	return slices.Concat(w.In.match("-i"), w.Out.match("-o"), w.connection("RELATED"), []string{"--ctdir", "ORIGINAL"})
}

// connection matches by the ends of a connection as FORWARD sees them: the kernel translates the source afterwards and the
// destination before, so replies come from the translated end.
func (w forward) connection(states string) []string {
	words := []string{"-m", "conntrack", "--ctstate", states}
	if w.Protocol.protocol != nil {
		words = append(words, "--ctproto", strconv.Itoa(w.Protocol.number))
	}
	return slices.Concat(words, w.From.tracked("--ctorigsrc"), w.To.tracked("--ctreplsrc"), w.Port.tracked("--ctreplsrcport"))
}
