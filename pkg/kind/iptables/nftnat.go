package iptables

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// placedRule is a rule of nf_tables in its chain.
type placedRule struct {
	nftRule
	at nftChain
}

// captures follows packets for a published port through a base chain that translates, and returns the rule that certainly captures
// some; nil if there is none.
func (n *nftFilter) captures(b nftBase, p arriving, steps *int) *capture {
	w := natWalk{steps: steps, chain: func(name string) (rules []natRule, known bool) {
		at := nftChain{b.family, b.table, name}
		for _, r := range n.chains[at] {
			rules = append(rules, placedRule{r, at})
		}
		return rules, true
	}}
	by, _ := w.through(b.name, p, 0)
	if w.lost {
		return nil
	}
	return by
}

// named describes the rule.
func (r placedRule) named(string) string {
	return fmt.Sprintf("the rule with the handle %d in %s", r.handle, r.at)
}

// effect returns what the rule does.
func (r placedRule) effect() (does natEffect, next, to string) {
	switch r.does {
	case nftContinue:
		return natContinues, "", ""
	case nftAccept:
		return natEnds, "", ""
	case nftReturn:
		return natReturns, "", ""
	case nftJump:
		return natJumps, r.chain, ""
	case nftGoto:
		return natGoes, r.chain, ""
	case nftTranslate:
		return natTranslates, "", r.to
	}
	return natUnknown, "", ""
}

// narrow returns the packets that match the rule.
func (r placedRule) narrow(p arriving) (some arriving, sure bool) {
	if r.never {
		return p.only(false), true
	}
	sure = true
	for _, t := range r.tests {
		if p.none() {
			break
		}
		one, is := t.narrow(p)
		p, sure = one, sure && is
	}
	return p, sure
}

func (t nftTest) narrow(p arriving) (some arriving, sure bool) {
	family := uint8(unix.AF_INET)
	if p.at[0].Is6() {
		family = unix.AF_INET6
	}
	result := maybe
	switch t.field {
	case fieldIn, fieldOut:
		name := unix.ByteSliceToString(t.value)
		if t.mask != nil || name == "" {
			return p, false
		}
		if len(name) == len(t.value) && len(name) < longestDeviceName {
			// Without a terminating zero, it is the start of a name.
			name += "+"
		}
		if t.field == fieldIn {
			return p.by(name, t.not)
		}
		result = meetsIf(t.not != (named(name, "lo") == yes))
	case fieldOutIndex:
		if len(t.value) == 4 && t.mask == nil {
			result = meetsIf(t.not != (binary.NativeEndian.Uint32(t.value) == indexOfLoopback))
		}
	case fieldFamily:
		result = t.compare([]byte{family})
	case fieldProtocol:
		result = t.compare([]byte{p.protocol})
	case fieldPort:
		if len(t.value) == 2 && t.mask == nil {
			first := binary.BigEndian.Uint16(t.value)
			last := first
			if len(t.last) == 2 {
				last = binary.BigEndian.Uint16(t.last)
			}
			return p.forPorts(first, last, t.not)
		}
	case fieldState:
		result = t.compare(binary.NativeEndian.AppendUint32(nil, stateNew))
	case fieldDestination4, fieldDestination6:
		if (t.field == fieldDestination4) == (family == unix.AF_INET) && (t.mask == nil || len(t.mask) == len(t.value)) {
			return p.forAddresses(t.isAddress), true
		}
	case fieldDestinationType:
		result = t.compare(binary.NativeEndian.AppendUint32(nil, unix.RTN_LOCAL))
	}
	return p.only(result != no), result != maybe
}

// isAddress reports whether an address starts with the value of the test.
func (t nftTest) isAddress(ip netip.Addr) bool {
	have := ip.AsSlice()
	if len(t.value) > len(have) {
		return t.not
	}
	have = have[:len(t.value)]
	for i := range t.mask {
		have[i] &= t.mask[i]
	}
	return t.holds(have) != t.not
}
