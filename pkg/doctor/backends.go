package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var iptablesBackends = newCheck("iptables-backends", "all rules are in one backend of iptables",
	"The kernel has two sets of rules, nft and legacy, and asks both about every packet. What one drops is dropped, whatever the\nother accepts, and each is changed and listed by programs of its own. The set in which the programs called `iptables` are not at\nhome is only looked at where it is there.",
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
			Advice: fmt.Sprintf("find out who makes them (iptables-legacy-save, iptables-nft-save), and have all use one, with `update-alternatives --config %s`, say", at.family),
		}.of(files.Resources.In(at.ns, at.family)[0]))
	}
	return findings
}

// chainsOf are the chains of the files in a place.
func chainsOf(files *spec.Desired, at place) (chains []*iptables.Chain) {
	for _, r := range files.Resources.In(at.ns, at.family) {
		if c, is := r.(*iptables.Chain); is {
			chains = append(chains, c)
		}
	}
	return chains
}
