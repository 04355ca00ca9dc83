package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/kind/sysctl"
	"linkd/pkg/spec"
)

var forwarding = newCheck("forwarding", "namespaces forward packets where the files need that",
	"A namespace forwards packets only if `net.ipv4.ip_forward` or `net.ipv6.conf.all.forwarding` is 1. The files need that if a\nroute uses an address of the namespace as its gateway, and for networks that the namespace masquerades.",
	func(ctx context.Context, m *Machine) (still []relay, err error) {
		relays, err := m.relays(ctx)
		for ns, in := range relays {
			for _, r := range in {
				value, err := setting(ns, forwardingPath(r))
				if err != nil {
					return nil, err
				}
				if value == "0" {
					still = append(still, r)
				}
			}
		}
		slices.SortFunc(still, func(a, b relay) int { return strings.Compare(a.ns+" "+a.dev, b.ns+" "+b.dev) })
		return still, err
	}, judgeForwarding)

// forwardingPath returns the setting that the kernel checks for a packet that came in through the relay's interface (ip_rcv_finish
// and IN_DEV_FORWARD, ip6_forward).
func forwardingPath(r relay) string {
	if r.family == families[0] {
		return "net/ipv4/conf/" + r.dev + "/forwarding"
	}
	return "net/ipv6/conf/all/forwarding"
}

func judgeForwarding(files *spec.Desired, still []relay) (findings []Finding) {
	for _, r := range still {
		name, keys := "net.ipv4.ip_forward", []string{"net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding", forwardingPath(r)}
		if r.family != families[0] {
			name, keys = "net.ipv6.conf.all.forwarding", keys[2:]
		}
		// The files set it.
		declared := slices.ContainsFunc(files.Resources.In(r.ns, "sysctl"), func(other spec.Resource) bool {
			s, is := other.(sysctl.Sysctl)
			return is && s.Value != "0" && slices.Contains(keys, s.Path)
		})
		if !declared {
			findings = append(findings, Finding{
				Level: Error, Text: fmt.Sprintf("%s does not forward packets that come in through %s: %s is 0", r.ns, r.dev, name),
				Advice: fmt.Sprintf("declare sysctls: {%s: 1} in the namespace %s", name, r.ns),
			}.of(r.asks))
		}
	}
	return findings
}
