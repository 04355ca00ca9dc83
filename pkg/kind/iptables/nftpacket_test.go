package iptables

import (
	"fmt"
	"testing"
)

// FAULTS 35: root in a namespace can make a thousand base chains jump to one chain with thousands of rules. linkd follows a limited
// number of rules for one chain of its own, and reports nothing about the rest.
func TestRulesOfOthersAreFollowedUpToALimit(t *testing.T) {
	const bases, rules = 1000, 7900
	large := nftChain{"inet", "w", "x"}
	n := &nftFilter{chains: map[nftChain][]nftRule{large: make([]nftRule, rules)}}
	for i := range bases {
		at := nftChain{"inet", "w", fmt.Sprint("b", i)}
		n.bases = append(n.bases, nftBase{nftChain: at, hook: "FORWARD"})
		n.chains[at] = []nftRule{{does: nftJump, chain: large.name}}
	}
	last := nftChain{"inet", "w", "last"}
	n.bases = append(n.bases, nftBase{nftChain: last, hook: "FORWARD"})
	n.chains[last] = []nftRule{{handle: 7, does: nftDrop}}
	steps := mostSteps
	if by := n.drops("FORWARD", nftPacket{}, &steps); by != "" || steps >= 0 {
		t.Errorf("with %d steps left: %q", steps, by)
	}
	n.bases = n.bases[bases:]
	steps = mostSteps
	if by := n.drops("FORWARD", nftPacket{}, &steps); by == "" || steps != mostSteps-2 {
		t.Errorf("with %d steps left: %q", steps, by)
	}
}
