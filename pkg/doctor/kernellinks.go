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

var kernelLinks = newCheck("kernel-links", "this kernel supports all declared kinds of link",
	"A kernel that has neither a kind of link nor a module for it returns `operation not supported`. Kernels for virtual machines\nand containers often lack some kinds.",
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
			return nil, needless("the files declare no link that linkd creates")
		}
		return missing, nil
	}, judgeKernelLinks)

// missing has the declared types of link that this kernel does not support.
type missing map[string]bool

// kindsOf returns the declared types of link, each with the first link.
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
				Level: Error, Text: fmt.Sprintf("this kernel does not support %s links", kind),
				Advice: "boot a kernel that supports them, or install the package with more modules of this kernel, such as linux-modules-extra",
			}.of(first[kind]))
		}
	}
	return findings
}
