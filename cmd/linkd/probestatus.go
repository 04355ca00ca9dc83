package main

import (
	"fmt"
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

// probeLines returns one line for each declared probe.
func probeLines(s *reconcile.Status) (lines []string) {
	for _, p := range s.Probes {
		lines = append(lines, fmt.Sprintf("%-8s probe %s, from %s to %s: %s", p.State, plain.Text(p.Name), plain.Text(p.From), plain.Text(p.To), plain.Text(p.Reason)))
	}
	return lines
}

// probeBlock returns probeLines below an empty line, with the states in colour.
func probeBlock(s *reconcile.Status, style report.Style) (lines []string) {
	for _, line := range probeLines(s) {
		state, _, _ := strings.Cut(line, " ")
		lines = append(lines, style.Paint(state, state)+line[len(state):])
	}
	if len(lines) > 0 {
		lines = append([]string{""}, lines...)
	}
	return lines
}
