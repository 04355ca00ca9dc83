package iptables

// nftPacketOf returns what a walk through nftables knows about a packet.
func (s *Firewall) nftPacketOf(p Packet) nftPacket {
	return nftPacket{
		in: p.In, out: p.Out, protocol: p.Protocol, port: p.Destination.Port(), family: uint8(s.family.inet),
		source: p.Source.Addr(), destination: p.Destination.Addr(), reply: p.Reply,
		translated: p.First.Destination != p.Answer.Source,
	}
}

// nftDecisions follows a packet through the rules of nftables besides iptables. The first base chain that translates it decides; of a
// connection, only the first packet is translated. Only the last Decision can drop the packet.
func (s *Firewall) nftDecisions(hook string, p Packet, translated bool) (decisions []Decision) {
	if s.filtered == nil {
		return nil
	}
	steps := mostSteps
	for _, b := range s.filtered.bases {
		if b.hook != hook {
			continue
		}
		w := nftWalk{filter: s.filtered, packet: s.nftPacketOf(p), steps: &steps}
		verdict, by := w.verdict(b)
		d := Decision{Verdict: verdict, Table: nftables, Chain: b.name, Rule: by, Doubtful: w.doubtful}
		switch {
		case verdict == Dropped && w.mayAccept:
			d.Verdict, d.Doubtful = Unsure, append(d.Doubtful, by)
		case verdict == Dropped:
			return append(decisions, d)
		case verdict == Translated && (translated || p.Reply):
			continue
		case verdict == Translated:
			translated = true
			d.translateBy(w.translation, p)
		default:
			d.Verdict = Unsure
		}
		if d.Verdict != Unsure || len(d.Doubtful) > 0 {
			decisions = append(decisions, d)
		}
	}
	return decisions
}

// nftables stands for a table in a Decision about foreign rules.
const nftables = "nftables"

// translateBy sets what a rule of nftables changes in the packet's ends.
func (d *Decision) translateBy(r nftRule, p Packet) {
	d.IsSource, d.Masquerades = r.isSource, r.masquerades
	port := p.Destination.Port()
	if r.isSource {
		port = 0
	}
	d.To, _ = endOf(r.to, port)
}
