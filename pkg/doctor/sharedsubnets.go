package doctor

import (
	"context"
	"maps"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

var sharedSubnets = newCheck("shared-subnets", "no other interface has an address in the subnet of one of linkd's",
	"If two interfaces have addresses in one subnet, the kernel sends packets for every neighbour through one of them, even to\nneighbours behind the other. This happens in a container that both linkd and its engine connect, if the files declare an\naddress of the engine's subnet.",
	func(ctx context.Context, m *Machine) (map[spec.ID]string, error) {
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(m.Desired.Resources.All(), func(r spec.Resource) bool { _, is := r.(*address.Address); return is }) {
			return nil, needless("the files declare no addresses")
		}
		saw := map[spec.ID]string{}
		for _, ns := range open {
			shared, err := address.Shared(ctx, ns)
			if err != nil {
				return nil, err
			}
			maps.Copy(saw, shared)
		}
		return saw, nil
	}, judgeSharedSubnets)

func judgeSharedSubnets(files *spec.Desired, saw map[spec.ID]string) (findings []Finding) {
	for _, id := range slices.SortedFunc(maps.Keys(saw), spec.ID.Compare) {
		r := files.Resources.Get(id)
		if r == nil {
			continue
		}
		findings = append(findings, Finding{
			Level: Warning, Text: id.String() + ": " + saw[id],
			Advice: "use an address of another subnet, or start the container with --network none if its engine made the other interface",
		}.of(r))
	}
	return findings
}
