package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"linkd/pkg/spec"
)

var engines = newCheck("engines", "all engines that the files need answer",
	"linkd asks Docker, podman or systemd for a namespace `docker:`, `podman:` or `unit:`. While one does not answer, new\nresources there are pending, and linkd removes nothing in the namespaces of a label.",
	func(ctx context.Context, m *Machine) (silent, error) {
		first, found := firstBySchemes(m.Desired), silent{}
		asked := false
		for _, e := range m.Engines {
			if scheme := e.Schemes()[0]; first[scheme] != (spec.Source{}) {
				asked = true
				if err := e.Ping(ctx); err != nil {
					found[scheme] = err
				}
			}
		}
		if !asked {
			return nil, needless("the files select no container and no service")
		}
		return found, nil
	}, judgeEngines)

// silent has the error of each engine that does not answer, by the scheme of its selectors.
type silent map[string]error

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

// starts has the advice for each engine.
var starts = map[string]string{
	"docker": "start Docker (systemctl start docker), or set DOCKER_HOST for linkd to the address on which it listens",
	"podman": "install podman, and start its socket for linkd's service (systemctl enable --now podman.socket), or set CONTAINER_HOST for linkd to the address on which its service listens",
	"unit":   "run linkd where systemd runs, with access to its D-Bus socket",
}

func judgeEngines(files *spec.Desired, saw silent) (findings []Finding) {
	first := firstBySchemes(files)
	for _, scheme := range slices.Sorted(maps.Keys(saw)) {
		findings = append(findings, Finding{
			Level: Error, Text: fmt.Sprintf("%v, so linkd finds no namespace with %s:", saw[scheme], scheme),
			Advice: starts[scheme], Source: first[scheme].String(),
		})
	}
	return findings
}
