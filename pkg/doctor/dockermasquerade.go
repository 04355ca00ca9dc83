package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var dockerMasquerade = newCheck("docker-masquerade", "nothing is masqueraded twice",
	"Docker masquerades packets that leave its networks. If its rule is the same as one for an entry of `masquerade`, linkd\nleaves its own rule out, because no packet would reach it. When Docker removes its rule, the daemon adds linkd's.",
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
