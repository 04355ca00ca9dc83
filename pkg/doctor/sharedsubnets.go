package doctor

import (
	"context"
	"maps"
	"slices"

	"linkd/pkg/kind/address"
	"linkd/pkg/spec"
)

var sharedSubnets = newCheck("shared-subnets", "no address of linkd's has a subnet that another interface has, too",
	"With two interfaces in one subnet, the kernel sends to a neighbour by one of them only, whichever of the two the neighbour is\nbehind. A container that linkd and its engine both network is like that if the files take an address from the engine's subnet.",
	func(ctx context.Context, m *Machine) (map[spec.ID]string, error) {
		open, err := m.namespaces()
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(m.Desired.Resources.All(), func(r spec.Resource) bool { _, is := r.(*address.Address); return is }) {
			return nil, needless("the files have no addresses")
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
			Advice: "give it an address of another subnet, or start the container with --network none if its engine made the other interface",
		}.of(r))
	}
	return findings
}
