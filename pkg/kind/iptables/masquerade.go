package iptables

import (
	"slices"

	"linkd/pkg/spec"
)

// masquerade is an entry of masquerade: packets that leave get the address of the interface by which they leave.
type masquerade struct {
	From   network `yaml:"source" also:"src from" absent:"any" doc:"the source of the packet"`
	To     network `yaml:"destination" also:"dst to" absent:"any" doc:"the destination of the packet"`
	Out    device  `yaml:"out" also:"oif out_interface interface dev" absent:"any" doc:"the interface through which the packet leaves"`
	Source spec.Source
}

func (m masquerade) compile(c *spec.Context, f family, chains chains) {
	if m.From == (network{}) && m.To == (network{}) && m.Out == "" {
		c.Reject(m.Source, "say what to masquerade: source, destination or out")
		return
	}
	if !m.From.isIn(c, f) || !m.To.isIn(c, f) {
		return
	}
	rule := newRule(f.path(c, "masquerade"), slices.Concat(m.From.match("-s"), m.To.match("-d"), m.Out.match("-o"), []string{"-j", "MASQUERADE"})...)
	rule.masquerades = true
	chains.add("nat", "POSTROUTING", rule.from(m.Source))
}
