package iptables

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// drops returns what certainly drops all packets like p at a hook, for a message; "" if nothing does. It subtracts the rules that
// it follows from steps, and returns "" once there are none left.
func (n *nftFilter) drops(hook string, p nftPacket, steps *int) (by string) {
	for _, b := range n.bases {
		if b.hook != hook {
			continue
		}
		if *steps--; *steps < 0 {
			return ""
		}
		w := nftWalk{filter: n, packet: p, steps: steps}
		verdict, by := w.verdict(b)
		if verdict == Dropped && !w.mayAccept {
			return by
		}
	}
	return ""
}

// verdict returns what a base chain does, and what decides; Unsure if the packet passes it.
func (w *nftWalk) verdict(b nftBase) (verdict Verdict, by string) {
	verdict, by = w.through(b.nftChain, 0)
	if verdict == Unsure && b.drops && !w.returned {
		return Dropped, "the policy of " + b.String() + " is drop"
	}
	return verdict, by
}

// nftWalk follows a packet through the chains of a table.
type nftWalk struct {
	filter *nftFilter
	packet nftPacket
	// steps is how many more rules the walk may follow.
	steps *int
	// mayAccept: a rule that the packet may match accepts it, or does something that linkd cannot follow.
	mayAccept bool
	// returned: linkd cannot tell how the walk goes on.
	returned bool
	// translation is the last rule that translates, whether or not the packet matches it.
	translation nftRule
	// doubtful are the rules that drop or translate packets, of which linkd cannot tell whether the packet is one.
	doubtful []string
}

// mostDoubts is how many doubtful rules of a chain linkd names.
const mostDoubts = 3

// through returns the verdict of a chain; Unsure if the packet reaches its end.
func (w *nftWalk) through(at nftChain, depth int) (verdict Verdict, by string) {
	for _, r := range w.filter.chains[at] {
		if *w.steps--; *w.steps < 0 || depth > deepest {
			w.mayAccept = true
			return Unsure, ""
		}
		meets, apart := r.meets(w.packet)
		if meets == no || apart {
			// The rule matches only a part of such packets.
			continue
		}
		does, why := Unsure, ""
		switch r.does {
		case nftAccept:
			does = Accepted
		case nftDrop:
			does, why = Dropped, fmt.Sprintf("the rule with the handle %d in %s drops it", r.handle, at)
		case nftReturn:
			if meets == yes {
				return Unsure, ""
			}
			w.mayAccept = true
		case nftJump, nftGoto:
			does, why = w.through(nftChain{at.family, at.table, r.chain}, depth+1)
			if does == Unsure && r.does == nftGoto && meets == yes {
				return Unsure, ""
			}
		case nftTranslate:
			does, why = Translated, fmt.Sprintf("the rule with the handle %d in %s", r.handle, at)
			w.translation = r
		case nftUnknown:
			w.mayAccept = true
		}
		if does == Unsure {
			continue
		}
		if meets == yes {
			return does, why
		}
		if does != Accepted && len(w.doubtful) < mostDoubts {
			w.doubtful = append(w.doubtful, why)
		}
		w.mayAccept = w.mayAccept || does != Dropped
	}
	return Unsure, ""
}

// nftPacket is a packet that begins a connection, as far as linkd knows it. An empty field may have any value.
type nftPacket struct {
	in, out  string
	protocol uint8
	port     uint16
	// family is the address family, unix.AF_INET or unix.AF_INET6.
	family uint8
	// translated: a rule has changed its destination.
	translated bool
	// source and destination are its addresses; invalid for any.
	source, destination netip.Addr
	// reply: it answers a packet that began a connection.
	reply bool
}

// nftDoes is what a rule does with a packet that matches it.
type nftDoes int

const (
	nftContinue nftDoes = iota
	nftAccept
	nftDrop
	nftReturn
	nftJump
	nftGoto
	nftTranslate
	nftUnknown
)

// nftRule is a rule with its conditions.
type nftRule struct {
	handle uint64
	tests  []nftTest
	does   nftDoes
	chain  string
	// to is the new destination, or with isSource the new source, ADDRESS:PORT or ADDRESS; "" if linkd does not know it, or if the
	// rule masquerades.
	to                    string
	isSource, masquerades bool
	// states is the set or map of connection states in the rule; notStates: the rule matches all other states.
	states    string
	notStates bool
	// lookup is another set or map in the rule; nil for none. expand replaces it.
	lookup *nftLookup
	// never: it matches no packet that begins a connection.
	never bool
}

// meets reports whether a packet matches a rule. apart: only a part of such packets does, those of a protocol or a port.
func (r nftRule) meets(p nftPacket) (result answer, apart bool) {
	if r.never && !p.reply {
		return no, false
	}
	result = yes
	if p.reply && r.states != "" {
		// What the set has for other states was not looked up.
		result = maybe
	}
	for _, t := range r.tests {
		one, open := t.meets(p)
		result, apart = min(result, one), apart || open
	}
	return result, apart && result != no
}

const (
	stateEstablished  = 2      // NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
	stateNew          = 8      // NF_CT_STATE_BIT(IP_CT_NEW) in linux/netfilter/nf_conntrack_common.h
	statusTranslated  = 1 << 5 // IPS_DST_NAT
	statusMayBe       = 0x1f   // the bits below it: what they are depends on more than is known
	indexOfLoopback   = 1      // LOOPBACK_IFINDEX in include/net/flow.h, in every namespace
	longestDeviceName = unix.IFNAMSIZ
)

func (t nftTest) meets(p nftPacket) (one answer, open bool) {
	switch t.field {
	case fieldIn, fieldOut:
		name := p.in
		if t.field == fieldOut {
			name = p.out
		}
		one = t.isDevice(name)
	case fieldInIndex, fieldOutIndex:
		name := p.in
		if t.field == fieldOutIndex {
			name = p.out
		}
		if len(t.value) != 4 || t.mask != nil || binary.NativeEndian.Uint32(t.value) != indexOfLoopback {
			return maybe, false
		}
		one = meetsIf((name == "lo") != t.not)
	case fieldFamily:
		one = t.compare([]byte{p.family})
	case fieldProtocol:
		if p.protocol == 0 {
			return maybe, len(t.value) == 1
		}
		one = t.compare([]byte{p.protocol})
	case fieldPort:
		if p.port == 0 {
			return maybe, true
		}
		one = t.compare(binary.BigEndian.AppendUint16(nil, p.port))
	case fieldState:
		state := uint32(stateNew)
		if p.reply {
			state = stateEstablished
		}
		one = t.compare(binary.NativeEndian.AppendUint32(nil, state))
	case fieldSource4, fieldSource6:
		return t.isIn(p.source, t.field == fieldSource4), false
	case fieldDestination4, fieldDestination6:
		return t.isIn(p.destination, t.field == fieldDestination4), false
	case fieldStatus:
		status := uint32(0)
		if p.translated {
			status = statusTranslated
		}
		if len(t.mask) != 4 || binary.NativeEndian.Uint32(t.mask)&statusMayBe != 0 {
			return maybe, false
		}
		one = t.compare(binary.NativeEndian.AppendUint32(nil, status))
	default:
		return maybe, false
	}
	return one, false
}

// isIn reports whether an address of a packet is in the test, which is for one family.
func (t nftTest) isIn(ip netip.Addr, is4 bool) answer {
	if !ip.IsValid() || ip.Is4() != is4 || t.mask != nil && len(t.mask) != len(t.value) {
		return maybe
	}
	return meetsIf(t.isAddress(ip))
}

// isDevice reports whether an interface is the one in the test. A packet from any interface does not come from lo.
func (t nftTest) isDevice(name string) answer {
	pattern := unix.ByteSliceToString(t.value)
	one := no
	switch {
	case t.mask != nil || len(pattern) == 0 || name == "" && pattern != "lo":
		return maybe
	case name != "" && len(t.value) < longestDeviceName && len(pattern) == len(t.value):
		// Without a terminating zero, it is the start of a name.
		one = meetsIf(len(name) >= len(pattern) && name[:len(pattern)] == pattern)
	case name != "":
		one = meetsIf(name == pattern)
	}
	if t.not {
		return yes - one
	}
	return one
}

// compare compares a known value.
func (t nftTest) compare(have []byte) answer {
	if len(have) != len(t.value) {
		return maybe
	}
	have = slices.Clone(have)
	if t.mask != nil {
		if len(t.mask) != len(have) {
			return maybe
		}
		for i := range have {
			have[i] &= t.mask[i]
		}
	}
	return meetsIf(t.holds(have) != t.not)
}
