package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"linkd/pkg/kind/link"
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

var kernelLinks = newCheck("kernel-links", "this kernel has all kinds of links that the files ask for",
	"A kernel without a kind of link, and without a module for it, answers `operation not supported`. Kernels for virtual\nmachines and containers lack some.",
	func(_ context.Context, m *Machine) (missing, error) {
		missing := missing{}
		for _, kind := range slices.Sorted(maps.Keys(kindsOf(m.Desired))) {
			has, err := observe.HasLinks(kind)
			if err != nil {
				return nil, fmt.Errorf("whether this kernel has %s links: %w", kind, err)
			}
			missing[kind] = !has
		}
		if len(missing) == 0 {
			return nil, needless("the files ask for no links that linkd makes")
		}
		return missing, nil
	}, judgeKernelLinks)

// missing are the kinds of links that this kernel has not.
type missing map[string]bool

// kindsOf are the kinds of links that the files ask for, each with the first of them.
func kindsOf(files *spec.Desired) map[string]*link.Link {
	first := map[string]*link.Link{}
	for _, r := range files.Resources.All() {
		if l, is := r.(*link.Link); is && !l.OnlyFound() && first[l.Type] == nil {
			first[l.Type] = l
		}
	}
	return first
}

func judgeKernelLinks(files *spec.Desired, saw missing) (findings []Finding) {
	first := kindsOf(files)
	for _, kind := range slices.Sorted(maps.Keys(first)) {
		if saw[kind] {
			findings = append(findings, Finding{
				Level: Error, Text: fmt.Sprintf("this kernel has no %s links", kind),
				Advice: "boot a kernel with them, or install the package with the rest of this kernel's modules (linux-modules-extra, say)",
			}.of(first[kind]))
		}
	}
	return findings
}
