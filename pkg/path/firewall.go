package path

import (
	"cmp"
	"fmt"
	"net/netip"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/observe"
)

// ruleset are the rules of a family in a namespace.
type ruleset struct {
	ns   observe.Identity
	kind string
}

// look is one look at a ruleset, or why it failed.
type look struct {
	*iptables.Firewall
	err error
}

// rules returns the rules of a namespace, which are read once.
func (w *walk) rules(ns *observe.NS) *look {
	at := ruleset{ns.Identity, iptables.Kind.Name}
	if !w.to.Addr().Is4() {
		at.kind = iptables.Kind6.Name
	}
	known := w.firewalls[at]
	if known == nil {
		known = &look{}
		known.Firewall, known.err = iptables.LookToFollow(w.ctx, ns, at.kind)
		w.firewalls[at] = known
	}
	return known
}

// begin has the namespace track the connection, from its first packet on.
func (w *walk) begin(ns *observe.NS) {
	if w.tracks[ns.Identity] == nil && !w.reply {
		w.tracks[ns.Identity] = &track{ns: ns, first: iptables.Ends{Source: w.from, Destination: w.to}, answer: iptables.Ends{Source: w.to, Destination: w.from}}
		w.noteFullTable(ns)
	}
}

// pass follows the packet through the rules of a hook, and what the namespace has translated for the connection.
func (w *walk) pass(ns *observe.NS, hook, in, out string) {
	t := w.tracks[ns.Identity]
	if w.reply && t != nil {
		w.translateBack(t, hook)
	}
	known := w.rules(ns)
	if known.err != nil {
		if hook == "OUTPUT" || hook == "PREROUTING" {
			w.note(Firewall, Doubtful, "linkd cannot read the rules: %v", known.err)
		}
		return
	}
	for _, d := range known.Follow(hook, w.packetAt(ns, in, out, t)) {
		w.decide(ns, d, in, out)
	}
}

// packetAt returns the packet as rules of a namespace see it, of the connection that it tracks as t; nil if it tracks none.
func (w *walk) packetAt(ns *observe.NS, in, out string, t *track) iptables.Packet {
	p := iptables.Packet{
		In: in, Out: out, Source: w.from, Destination: w.to, Protocol: w.packet.Protocol, Reply: w.reply && t != nil,
		First: iptables.Ends{Source: w.from, Destination: w.to}, Answer: iptables.Ends{Source: w.to, Destination: w.from},
		Local: func(ip netip.Addr) bool {
			local, err := has(ns, ip, 0)
			return err == nil && local
		},
	}
	if t != nil {
		p.First, p.Answer = t.first, t.answer
	}
	return p
}

// translateBack gives the answer the ends that the asker knows, where the kernel does (nf_nat_packet in net/netfilter/nf_nat_core.c).
func (w *walk) translateBack(t *track, hook string) {
	switch {
	case (hook == "PREROUTING" || hook == "OUTPUT") && w.to == t.answer.Destination && w.to != t.first.Source:
		w.note(Firewall, "", "the answer goes to %s, which was masqueraded", t.first.Source.Addr())
		w.to = t.first.Source
	case (hook == "POSTROUTING" || hook == "INPUT") && w.from == t.answer.Source && w.from != t.first.Destination:
		w.note(Firewall, "", "the answer comes from %s again", t.first.Destination)
		w.from = t.first.Destination
	}
}

// decide takes in what a table does.
func (w *walk) decide(ns *observe.NS, d iptables.Decision, in, out string) {
	where := d.Table + " " + d.Chain
	for _, r := range d.Doubtful {
		w.note(Firewall, Doubtful, "linkd cannot tell whether a rule of the table %s is for the packet: %s", d.Table, r)
	}
	switch d.Verdict {
	case iptables.Accepted:
		w.note(Firewall, "", "%s accepts it: %s", where, d.Rule)
	case iptables.Dropped:
		what := d.Rule
		if d.Table != "nftables" {
			what = fmt.Sprintf("%s drops it: %s", where, d.Rule)
		}
		w.stop(Firewall, what, w.dropAdvice(ns, d, in, out))
	case iptables.Translated:
		w.translate(ns, d, where, out)
	}
}

func (w *walk) dropAdvice(ns *observe.NS, d iptables.Decision, in, out string) string {
	switch {
	case d.Table == "nftables":
		return "change that table, or whoever makes it (firewalld, ufw, /etc/nftables.conf): what it drops, no rule of linkd's lets through"
	case isOwnChain(d.Chain):
		return fmt.Sprintf("the files say so: change forward or rules of the namespace %s", ns.Name)
	case in != "" && out != "":
		kind := iptables.Kind.Name
		if !w.to.Addr().Is4() {
			kind = iptables.Kind6.Name
		}
		return fmt.Sprintf("declare %s: {forward: [{in: %s, out: %s}]} in the namespace %s, or remove what drops it", kind, in, out, ns.Name)
	}
	return "remove that rule or policy, or have rules before it accept the packet"
}

func isOwnChain(chain string) bool { return len(chain) > 6 && chain[:6] == "LINKD-" }

// translate gives the packet the end that a rule says.
func (w *walk) translate(ns *observe.NS, d iptables.Decision, where, out string) {
	t := w.tracks[ns.Identity]
	switch {
	case d.Masquerades:
		r, err := ask(ns, query{dst: w.to.Addr()})
		if err != nil || !r.src.IsValid() {
			w.note(Firewall, Doubtful, "%s masquerades it, and linkd cannot tell the address of %s: %s", where, out, d.Rule)
			return
		}
		w.from = netip.AddrPortFrom(r.src, 0)
		w.note(Firewall, "", "%s masquerades it as %s: %s", where, r.src, d.Rule)
	case d.IsSource && d.To.IsValid():
		w.from = netip.AddrPortFrom(d.To.Addr(), 0)
		w.note(Firewall, "", "%s gives it the source %s: %s", where, d.To.Addr(), d.Rule)
	case d.To.IsValid():
		w.to = d.To
		rule := d.Rule
		if d.Table != "nftables" {
			rule = "the rule " + rule
		}
		w.translated, w.translatedIn = cmp.Or(w.translated, rule), cmp.Or(w.translatedIn, ns.Name)
		w.note(Firewall, "", "%s sends it to %s: %s", where, endText(d.To), d.Rule)
	default:
		w.note(Firewall, Doubtful, "%s translates it, and linkd cannot tell to what: %s", where, d.Rule)
	}
	if t != nil {
		t.answer = iptables.Ends{Source: w.to, Destination: w.from}
	}
}

// endText is an end without a port that is 0.
func endText(e netip.AddrPort) string {
	if e.Port() == 0 {
		return e.Addr().String()
	}
	return e.String()
}
