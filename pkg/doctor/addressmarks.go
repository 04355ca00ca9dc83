package doctor

import (
	"context"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var addressMarks = newCheck("address-marks", "addresses can carry linkd's mark",
	"Kernels since 5.18 store which program created an address (`IFA_PROTO`). On older kernels, linkd recognizes its addresses by\nthe links on which they are, and by the journal in the runtime directory.",
	func(context.Context, *Machine) (marked, error) { return marked(observe.KernelIs(5, 18)), nil }, judgeAddressMarks)

type marked bool

func judgeAddressMarks(_ *spec.Desired, saw marked) []Finding {
	if saw {
		return nil
	}
	return []Finding{{Level: OK, Text: "this kernel is older than 5.18 and cannot mark addresses: the journal in the runtime directory says which addresses are linkd's"}}
}
