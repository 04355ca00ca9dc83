package doctor

import (
	"context"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var addressMarks = newCheck("address-marks", "addresses can carry linkd's mark",
	"Since 5.18 a kernel notes who made an address (`IFA_PROTO`). Before that linkd knows its addresses by the links that they\nare on, and by the journal in the runtime directory.",
	func(context.Context, *Machine) (marked, error) { return marked(observe.KernelIs(5, 18)), nil }, judgeAddressMarks)

type marked bool

func judgeAddressMarks(_ *spec.Desired, saw marked) []Finding {
	if saw {
		return nil
	}
	return []Finding{{Level: OK, Text: "this kernel is older than 5.18 and cannot mark addresses: the journal in the runtime directory tells which are linkd's"}}
}
