package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var iptablesBackends = newCheck("iptables-backends", "all rules are in one backend of iptables",
	"The kernel has two sets of rules, nft and legacy, and applies both to every packet. If one drops a packet, the other cannot\naccept it, and each set has its own programs to list and change it. doctor looks at the set of which the programs called\n`iptables` are not a part only if the kernel has loaded it.",
	func(ctx context.Context, m *Machine) (map[place]string, error) {
		ruled, err := m.ruled(ctx)
		found := map[place]string{}
		for at, s := range ruled {
			if remark := s.OtherBackend(); remark != "" {
				found[at] = remark
			}
		}
		return found, err
	}, judgeBackends)

func judgeBackends(files *spec.Desired, saw map[place]string) (findings []Finding) {
	for _, at := range byPlace(saw) {
		findings = append(findings, Finding{
			Level: Warning, Text: fmt.Sprintf("in %s, %s", at.ns, saw[at]),
			Advice: fmt.Sprintf("find out which program creates them (iptables-legacy-save, iptables-nft-save), and make all programs use one backend, for example with `update-alternatives --config %s`", at.family),
		}.of(files.Resources.In(at.ns, at.family)[0]))
	}
	return findings
}

// chainsOf returns the declared chains in a place.
func chainsOf(files *spec.Desired, at place) (chains []*iptables.Chain) {
	for _, r := range files.Resources.In(at.ns, at.family) {
		if c, is := r.(*iptables.Chain); is {
			chains = append(chains, c)
		}
	}
	return chains
}
