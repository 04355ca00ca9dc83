package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var dockerMasquerade = newCheck("docker-masquerade", "nothing is masqueraded twice",
	"Docker masquerades what leaves its networks. Where its rule is the same as one that an entry of `masquerade` stands for, linkd\nleaves its own out, since a packet would never come to it, and the daemon puts it in once Docker's goes.",
	func(ctx context.Context, m *Machine) (map[place]map[*iptables.Chain][]string, error) {
		ruled, err := m.ruled(ctx)
		spared := map[place]map[*iptables.Chain][]string{}
		for at, s := range ruled {
			spared[at] = s.Spared()
		}
		return spared, err
	}, judgeDockerMasquerade)

func judgeDockerMasquerade(files *spec.Desired, saw map[place]map[*iptables.Chain][]string) (findings []Finding) {
	for _, at := range byPlace(saw) {
		for _, c := range chainsOf(files, at) {
			for _, rule := range saw[at][c] {
				findings = append(findings, Finding{
					Level: OK, Text: fmt.Sprintf("in %s, linkd leaves out a masquerade rule, because another rule already does the same: %s", at.ns, rule),
				}.of(c))
			}
		}
	}
	return findings
}
