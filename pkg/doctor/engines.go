package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"linkd/pkg/spec"
)

var engines = newCheck("engines", "all engines that the files need answer",
	"linkd asks Docker, podman, containerd, systemd or systemd-machined for a namespace `docker:`, `podman:`, `containerd:`, `unit:` or `machine:`. While one does not answer, new resources there are pending, and linkd removes nothing in the namespaces of a label.",
	func(ctx context.Context, m *Machine) (silent, error) {
		first, found := firstBySchemes(m.Desired), silent{}
		asked := false
		for _, e := range m.Engines {
			if scheme := e.Schemes()[0]; first[scheme] != (spec.Source{}) {
				asked = true
				if err := e.Ping(ctx); err != nil {
					found[scheme] = silence{err, e.Advice()}
				}
			}
		}
		if !asked {
			return nil, needless("the files select no container and no service")
		}
		return found, nil
	}, judgeEngines)

// silent has the engines that do not answer, by the scheme of their selectors.
type silent map[string]silence

// silence is why an engine does not answer, and what to do.
type silence struct {
	err    error
	advice string
}

// firstBySchemes returns where the first namespace of each scheme is declared.
func firstBySchemes(files *spec.Desired) map[string]spec.Source {
	first := map[string]spec.Source{}
	note := func(s spec.Selector, at spec.Source) {
		if before := first[s.Scheme]; before == (spec.Source{}) || at.Compare(before) < 0 {
			first[s.Scheme] = at
		}
	}
	for _, ns := range files.Namespaces {
		note(ns.Selector, ns.Source)
	}
	for _, t := range files.Templates {
		note(t.Selector, t.Source)
	}
	return first
}

func judgeEngines(files *spec.Desired, saw silent) (findings []Finding) {
	first := firstBySchemes(files)
	for _, scheme := range slices.Sorted(maps.Keys(saw)) {
		findings = append(findings, Finding{
			Level: Error, Text: fmt.Sprintf("%v, so linkd finds no namespace with %s:", saw[scheme].err, scheme),
			Advice: saw[scheme].advice, Source: first[scheme].String(),
		})
	}
	return findings
}
