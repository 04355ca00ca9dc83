package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var dockerNftables = newCheck("docker-nftables", "Docker has no rules in nftables of its own",
	"With `--firewall-backend=nftables` (since 29.0) Docker has its rules in tables of its own, `docker-bridges`, and there is no\n`DOCKER-USER`. What these drop, which is what comes for its networks from outside, no `forward` or `publish` of linkd's can let\nthrough.",
	func(_ context.Context, m *Machine) (map[place]bool, error) {
		saw := map[place]bool{}
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		for name, ns := range open {
			for _, family := range families {
				for _, c := range chainsOf(m.Desired, place{name, family}) {
					if !c.LetsThrough() {
						continue
					}
					is, err := iptables.InNftables(ns, family)
					if err != nil {
						return nil, err
					}
					saw[place{name, family}] = is
				}
			}
		}
		if len(saw) == 0 {
			return nil, needless("the files have no rules of forward or publish")
		}
		return saw, nil
	}, judgeDockerNftables)

func judgeDockerNftables(files *spec.Desired, saw map[place]bool) (findings []Finding) {
	for _, at := range byPlace(saw) {
		for _, c := range chainsOf(files, at) {
			if saw[at] && c.LetsThrough() {
				findings = append(findings, Finding{
					Level:  Warning,
					Text:   fmt.Sprintf("in %s, Docker has rules in nftables (docker-bridges) and no DOCKER-USER: what they drop of packets for its networks, %s cannot let through", at.ns, c.Name),
					Advice: "set firewall-backend to iptables in /etc/docker/daemon.json, or bridge-accept-fwmark to a mark that a rule of yours gives",
				}.of(c))
			}
		}
	}
	return findings
}
