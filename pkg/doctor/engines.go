package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"linkd/pkg/spec"
)

var engines = newCheck("engines", "all that the files ask for containers and services answer",
	"A namespace that is `docker:`, `podman:` or `unit:` is found by asking Docker, podman or systemd. While these do not answer,\nwhat is new is pending, and of what a label stands for nothing is taken away.",
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
			return nil, needless("the files name no container and no service")
		}
		return found, nil
	}, judgeEngines)

// silent has the reason why an engine does not answer, by the scheme of its selectors.
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

// starts has the advice how to start each engine.
var starts = map[string]string{
	"docker": "start Docker (systemctl start docker), or set DOCKER_HOST for linkd to where it listens",
	"podman": "install podman, and for linkd's service start its socket (systemctl enable --now podman.socket), or set CONTAINER_HOST for linkd to where its service listens",
	"unit":   "use it where systemd runs, with its D-Bus socket in reach of linkd",
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
