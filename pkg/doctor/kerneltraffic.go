package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"linkd/pkg/kind/shape"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var kernelTraffic = newCheck("kernel-traffic", "this kernel supports the declared egress and ingress",
	"The keys `egress` and `ingress` need parts of the kernel's traffic control, each of which can be a module: `sch_tbf`, `sch_netem`,\n`sch_ingress`, `cls_matchall`, `act_police`. Kernels for virtual machines and containers often lack some, and Debian and Ubuntu have\nsome of them in a package of more modules.",
	func(_ context.Context, m *Machine) (missing, error) {
		missing := missing{}
		for _, part := range slices.Sorted(maps.Keys(trafficOf(m.Desired))) {
			has, err := observe.HasTrafficPart(part)
			if err != nil {
				return nil, fmt.Errorf("whether this kernel has %s: %w", part, err)
			}
			missing[part] = !has
		}
		if len(missing) == 0 {
			return nil, needless("the files declare no egress or ingress")
		}
		return missing, nil
	}, judgeKernelTraffic)

// trafficOf returns the parts of traffic control that the files need, each with the first resource.
func trafficOf(files *spec.Desired) map[string]spec.Resource {
	first := map[string]spec.Resource{}
	for _, r := range files.Resources.All() {
		for _, part := range shape.Modules(r) {
			if first[part] == nil {
				first[part] = r
			}
		}
	}
	return first
}

func judgeKernelTraffic(files *spec.Desired, saw missing) (findings []Finding) {
	first := trafficOf(files)
	for _, part := range slices.Sorted(maps.Keys(first)) {
		if saw[part] {
			findings = append(findings, Finding{
				Level: Error, Text: fmt.Sprintf("this kernel does not have %s", part),
				Advice: "boot a kernel that has it, or install the package with more modules of this kernel, such as linux-modules-extra",
			}.of(first[part]))
		}
	}
	return findings
}
