package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var dockerNftables = newCheck("docker-nftables", "Docker does not filter with nftables",
	"With `--firewall-backend=nftables` (since 29.0), Docker has its rules in a table of nftables, `docker-bridges`, and there is\nno `DOCKER-USER`. These rules drop packets for Docker's networks from outside, and no `forward` or `publish` of linkd can\naccept them.",
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
			return nil, needless("the files declare no forward and no publish")
		}
		return saw, nil
	}, judgeDockerNftables)

func judgeDockerNftables(files *spec.Desired, saw map[place]bool) (findings []Finding) {
	for _, at := range byPlace(saw) {
		for _, c := range chainsOf(files, at) {
			if saw[at] && c.LetsThrough() {
				findings = append(findings, Finding{
					Level:  Warning,
					Text:   fmt.Sprintf("in %s, Docker has rules in nftables (docker-bridges) and no DOCKER-USER: %s cannot accept packets for its networks that these rules drop", at.ns, c.Name),
					Advice: "set firewall-backend to iptables in /etc/docker/daemon.json, or bridge-accept-fwmark to a mark that one of your rules sets",
				}.of(c))
			}
		}
	}
	return findings
}
