package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var forwardDrop = newCheck("docker-forward-drop", "what is to be forwarded is not dropped",
	"Docker sets the policy of FORWARD to DROP when it turns forwarding on, and accepts what its own networks need. What linkd\nwires beside those is dropped, unless the files accept it. The rules are followed with the files' own in place, and by the\ninterface alone: where more of a packet decides, nothing is said.",
	func(ctx context.Context, m *Machine) (lost []dropped, err error) {
		relays, err := m.relays(ctx)
		for ns, in := range relays {
			for _, r := range in {
				s, err := m.sight(ctx, ns, r.family)
				if err != nil {
					return nil, err
				}
				if s == nil {
					continue
				}
				if fate, by := s.Fate(r.dev, ""); fate == iptables.Dropped {
					lost = append(lost, dropped{r, by})
				}
			}
		}
		slices.SortFunc(lost, func(a, b dropped) int { return strings.Compare(a.ns+" "+a.dev, b.ns+" "+b.dev) })
		return lost, err
	}, judgeForwardDrop)

// dropped is what comes in by an interface, and what drops it.
type dropped struct {
	relay
	by string
}

func judgeForwardDrop(_ *spec.Desired, lost []dropped) (findings []Finding) {
	for _, d := range lost {
		findings = append(findings, Finding{
			Level: Error, Text: fmt.Sprintf("in %s, what comes in by %s is not forwarded: %s", d.ns, d.dev, d.by),
			Advice: fmt.Sprintf("declare forward: [{in: %s}] below %s in the namespace %s, or policies: {FORWARD: ACCEPT} where nobody minds", d.dev, d.family, d.ns),
		}.of(d.asks))
	}
	return findings
}
