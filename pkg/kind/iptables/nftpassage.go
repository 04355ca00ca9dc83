package iptables

// nftPacketOf returns what a walk through nftables knows about a packet.
func (s *Firewall) nftPacketOf(p Packet) nftPacket {
	return nftPacket{
		in: p.In, out: p.Out, protocol: p.Protocol, port: p.Destination.Port(), family: uint8(s.family.inet),
		source: p.Source.Addr(), destination: p.Destination.Addr(), reply: p.Reply,
		translated: p.First.Destination != p.Answer.Source,
	}
}

// nftDrops returns what certainly drops a packet with nftables besides iptables; "" if nothing does.
func (s *Firewall) nftDrops(hook string, p Packet) string {
	if s.filtered == nil {
		return ""
	}
	steps := mostSteps
	return s.filtered.drops(hook, s.nftPacketOf(p), &steps)
}

// nftTranslates returns what changes the destination of the first packet of a connection with nftables besides iptables. The first
// base chain that translates decides.
func (s *Firewall) nftTranslates(hook string, p Packet) (d Decision, some bool) {
	if s.filtered == nil || p.Reply {
		return d, false
	}
	steps := mostSteps
	for _, b := range s.filtered.bases {
		if b.hook != hook {
			continue
		}
		w := nftWalk{filter: s.filtered, packet: s.nftPacketOf(p), steps: &steps}
		if verdict, by := w.through(b.nftChain, 0); verdict == Translated {
			to, _ := endOf(w.translation.to, p.Destination.Port())
			return Decision{Verdict: Translated, Table: "nftables", Chain: b.name, Rule: by, To: to}, true
		}
	}
	return d, false
}
