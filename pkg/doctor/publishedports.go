package doctor

import (
	"context"
	"fmt"
	"net/netip"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var publishedPorts = newCheck("published-ports", "no other program forwards a port that the files publish",
	"If two rules forward the packets for a port, the first one decides. Docker creates such rules for `docker run -p`, firewalld\nfor its forwarded ports, and Kubernetes and podman for theirs. If one of these precedes linkd's rule, no packet reaches the\ntarget in the files. doctor follows the rules of both backends of iptables and of tables of nftables by the port, the\nprotocol, the address and the interface. If a rule depends on more, such as the source of a packet, doctor reports nothing.",
	func(ctx context.Context, m *Machine) (rivals, error) {
		ruled, err := m.ruled(ctx)
		saw := rivals{ports: map[place]map[*iptables.Chain][]iptables.Captured{}}
		some := false
		for at, s := range ruled {
			saw.ports[at] = s.Captured()
			for _, all := range saw.ports[at] {
				some = some || len(all) > 0
			}
		}
		if some {
			saw.containers = m.containers(ctx)
		}
		return saw, err
	}, judgePublishedPorts)

// rivals has the rules of other programs for published ports, and the containers by their addresses.
type rivals struct {
	ports      map[place]map[*iptables.Chain][]iptables.Captured
	containers map[netip.Addr]string
}

// containers returns the names of the containers in Docker's networks by address; none if Docker does not answer.
func (m *Machine) containers(ctx context.Context) map[netip.Addr]string {
	named := map[netip.Addr]string{}
	for _, e := range m.Engines {
		if e.Schemes()[0] != "docker" {
			continue
		}
		networks, err := e.Networks(ctx)
		if err != nil {
			continue
		}
		for _, n := range networks {
			for ip, who := range n.Used {
				named[ip] = who
			}
		}
	}
	return named
}

func judgePublishedPorts(files *spec.Desired, saw rivals) (findings []Finding) {
	for _, at := range byPlace(saw.ports) {
		for _, c := range chainsOf(files, at) {
			for _, port := range saw.ports[at][c] {
				text := fmt.Sprintf("in %s, %s", at.ns, port.Text)
				if who, known := saw.containers[port.To.Addr()]; known {
					text += fmt.Sprintf(" (%s is %s)", port.To.Addr(), who)
				}
				f := Finding{Level: Warning, Text: text, Advice: "publish one of the two on another port, or on another address"}
				if port.Lost {
					f.Level = Error
				}
				findings = append(findings, f.of(c))
			}
		}
	}
	return findings
}
