package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/kind/port"
	"linkd/pkg/spec"
)

var bridgeNetfilter = newCheck("bridge-netfilter", "packets between ports of a bridge are not dropped",
	"Docker and Kubernetes load the module br_netfilter. If `net.bridge.bridge-nf-call-iptables` is 1, packets between ports of a\nbridge pass through the rules of FORWARD, and its policy may drop them.",
	func(ctx context.Context, m *Machine) (map[bridged]string, error) {
		lost, some := map[bridged]string{}, false
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		for name, ns := range open {
			links, err := ns.Links(ctx)
			if err != nil {
				return nil, err
			}
			for _, bridge := range bridgesIn(m.Desired, name) {
				some = true
				if portsOf(m.Desired, name, links, bridge) < 2 {
					continue
				}
				for _, family := range families {
					value, err := setting(ns, netfilterPath(family))
					if err != nil {
						return nil, err
					}
					if value != "1" {
						continue
					}
					s, err := m.firewall(ctx, ns, family)
					if err != nil {
						return nil, err
					}
					if s == nil {
						continue
					}
					if verdict, by := s.Verdict(bridge, bridge); verdict == iptables.Dropped {
						lost[bridged{place{name, family}, bridge}] = by
					}
				}
			}
		}
		if !some {
			return nil, needless("the files declare no port of a bridge")
		}
		return lost, nil
	}, judgeBridgeNetfilter)

func netfilterPath(family string) string { return "net/bridge/bridge-nf-call-" + family }

// bridgesIn returns the masters of the declared ports in a namespace, in the order of their first ports.
func bridgesIn(files *spec.Desired, ns string) (bridges []string) {
	seen := map[string]bool{"": true}
	for _, r := range files.Resources.In(ns, "port") {
		if master := r.(*port.Port).MasterID().Key; !seen[master] {
			seen[master] = true
			bridges = append(bridges, master)
		}
	}
	return bridges
}

// bridged identifies the packets of a family through a bridge.
type bridged struct {
	place
	bridge string
}

func judgeBridgeNetfilter(files *spec.Desired, lost map[bridged]string) (findings []Finding) {
	seen := map[bridged]bool{}
	for _, r := range files.Resources.All() {
		p, is := r.(*port.Port)
		if !is {
			continue
		}
		for _, family := range families {
			at := bridged{place{p.NS, family}, p.MasterID().Key}
			by, is := lost[at]
			off := spec.ID{NS: p.NS, Kind: "sysctl", Key: "net.bridge.bridge-nf-call-" + family}
			if !is || seen[at] || files.Resources.Get(off) != nil {
				continue
			}
			seen[at] = true
			findings = append(findings, Finding{
				Level: Error,
				Text:  fmt.Sprintf("in %s, packets between ports of %s are dropped: %s is 1, so they pass through FORWARD, and %s", p.NS, at.bridge, off.Key, by),
				Advice: fmt.Sprintf("declare forward: [{in: %s, out: %[1]s}] below %s in the namespace %s, or sysctls: {%s: 0} if no program filters there",
					at.bridge, family, p.NS, off.Key),
			}.of(p))
		}
	}
	return findings
}
