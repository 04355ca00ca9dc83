package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var forwardDrop = newCheck("docker-forward-drop", "packets that the files need forwarded are not dropped",
	"When Docker turns forwarding on, it sets the policy of FORWARD to DROP, and accepts the packets of its own networks. The\npolicy drops packets of linkd's networks, unless the files accept them. doctor follows the rules, including those of the\nfiles, by the interface of a packet. If a rule depends on more of the packet, doctor reports nothing. If an entry of\n`forward` names an interface, dropping other packets of that interface is intended.",
	func(ctx context.Context, m *Machine) (lost []dropped, err error) {
		relays, err := m.relays(ctx)
		for ns, in := range relays {
			for _, r := range in {
				s, err := m.firewall(ctx, ns, r.family)
				if err != nil {
					return nil, err
				}
				if s == nil {
					continue
				}
				out := ""
				if r.anywhere {
					if out, err = uplink(ns, r.family); err != nil {
						return nil, err
					}
				}
				if verdict, by := s.Verdict(r.dev, out); verdict == iptables.Dropped && !s.Considers(r.dev) {
					lost = append(lost, dropped{r, by})
				}
			}
		}
		slices.SortFunc(lost, func(a, b dropped) int { return strings.Compare(a.ns+" "+a.dev, b.ns+" "+b.dev) })
		return lost, err
	}, judgeForwardDrop)

// uplink returns the interface of the default route; "" if there is no default route or more than one.
func uplink(ns *observe.NS, family string) (dev string, err error) {
	// Fields in proc_net(5): for IPv4 the interface, the destination and, eighth, the mask; for IPv6 the destination, the prefix
	// length and, last, the interface. A route that rejects packets has lo, and is no default route.
	file, name, isDefault := "route", 0, func(f []string) bool { return f[1] == "00000000" && f[7] == "00000000" }
	if family != families[0] {
		file, name, isDefault = "ipv6_route", 9, func(f []string) bool { return f[1] == "00" }
	}
	found := map[string]bool{}
	err = ns.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/" + file)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) >= 10 && isDefault(f) && f[name] != "lo" {
				found[f[name]] = true
			}
		}
		return err
	})
	if names := slices.Collect(maps.Keys(found)); len(names) == 1 {
		dev = names[0]
	}
	return dev, err
}

// dropped has packets that come in through an interface and are dropped, and the reason.
type dropped struct {
	relay
	by string
}

func judgeForwardDrop(_ *spec.Desired, lost []dropped) (findings []Finding) {
	for _, d := range lost {
		findings = append(findings, Finding{
			Level: Error, Text: fmt.Sprintf("in %s, packets that come in through %s are not forwarded: %s", d.ns, d.dev, d.by),
			Advice: fmt.Sprintf("declare forward: [{in: %s}] below %s in the namespace %s, or policies: {FORWARD: ACCEPT} if the namespace needs no filter", d.dev, d.family, d.ns),
		}.of(d.asks))
	}
	return findings
}
