package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var otherNftables = newCheck("other-nftables", "no table of nftables drops packets that the files accept",
	"Every table must accept a packet: if firewalld, ufw or `/etc/nftables.conf` drop it in a table of their own, no rule of\nlinkd can accept it. doctor follows such rules by what the files say about a packet: the interfaces, the protocol and the\nport. If a rule depends on more, such as an address or a set, doctor reports nothing.",
	func(ctx context.Context, m *Machine) (map[place]map[*iptables.Chain]string, error) {
		ruled, err := m.ruled(ctx)
		dropped := map[place]map[*iptables.Chain]string{}
		for at, s := range ruled {
			dropped[at] = s.DroppedByOthers()
		}
		return dropped, err
	}, judgeOtherNftables)

func judgeOtherNftables(files *spec.Desired, saw map[place]map[*iptables.Chain]string) (findings []Finding) {
	for _, at := range byPlace(saw) {
		for _, c := range chainsOf(files, at) {
			if by, is := saw[at][c]; is {
				findings = append(findings, Finding{
					Level: Error, Text: fmt.Sprintf("in %s, %s", at.ns, by),
					Advice: "accept the packets there, too (nft -a list ruleset shows the handles of rules), or filter with one of the two only",
				}.of(c))
			}
		}
	}
	return findings
}
