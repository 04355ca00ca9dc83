package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var dockerChains = newCheck("docker-chains", "packets get to all chains of linkd's",
	"linkd's rules are in chains of their own, reached by one jump from a built-in chain, or from `DOCKER-USER`. Docker puts its\nchains in order when it starts, firewalld when it reloads, and both can take the jump away, or put something in front of it\nthat is for every packet.",
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
					Advice: "`linkd apply` mends a jump, and the daemon does at once; a rule in front of it has to be moved by whoever made it",
				}.of(c))
			}
		}
	}
	return findings
}
