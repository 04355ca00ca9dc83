package main

import (
	"fmt"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
)

// probeLines returns one line for each declared probe.
func probeLines(s *reconcile.Status) (lines []string) {
	for _, p := range s.Probes {
		lines = append(lines, fmt.Sprintf("%-8s probe %s, from %s to %s: %s", p.State, plain.Text(p.Name), plain.Text(p.From), plain.Text(p.To), plain.Text(p.Reason)))
	}
	return lines
}
