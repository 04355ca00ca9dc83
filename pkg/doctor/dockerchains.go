package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var dockerChains = newCheck("docker-chains", "packets reach all of linkd's chains",
	"linkd's rules are in chains of their own. One jump from a built-in chain, or from `DOCKER-USER`, leads to each. When Docker\nstarts or firewalld reloads, it can remove the jump, or insert a rule before it that decides for every packet.",
	func(ctx context.Context, m *Machine) (map[place]map[*iptables.Chain]string, error) {
		ruled, err := m.ruled(ctx)
		lost := map[place]map[*iptables.Chain]string{}
		for at, s := range ruled {
			lost[at] = s.UnreachableChains()
		}
		return lost, err
	}, judgeDockerChains)

func judgeDockerChains(files *spec.Desired, saw map[place]map[*iptables.Chain]string) (findings []Finding) {
	for _, at := range byPlace(saw) {
		for _, c := range chainsOf(files, at) {
			if why, is := saw[at][c]; is {
				findings = append(findings, Finding{
					Level: Error, Text: fmt.Sprintf("in %s, %s", at.ns, why),
					Advice: "run `linkd apply` to restore a jump (the daemon restores it at once); if another rule precedes the jump, move that rule",
				}.of(c))
			}
		}
	}
	return findings
}
