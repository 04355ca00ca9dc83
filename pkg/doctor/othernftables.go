package doctor

import (
	"context"
	"fmt"

	"linkd/pkg/kind/iptables"
	"linkd/pkg/spec"
)

var otherNftables = newCheck("other-nftables", "nothing that the files accept is dropped in nftables",
	"A packet has to be accepted by every table: what firewalld, ufw or `/etc/nftables.conf` drop in a table of nftables of their own,\nno rule of linkd's lets through. linkd follows such rules by what the files say of a packet: the interfaces, the protocol and the port.\nWhere more decides, such as an address or a set, it says nothing.",
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
					Advice: "accept it there too (nft -a list ruleset shows the handles of rules), or leave the filter to one of the two",
				}.of(c))
			}
		}
	}
	return findings
}
