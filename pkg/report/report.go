// Package report writes what linkd did, would do, and has to say about resources, as text for people. It reads the JSON
// forms of pkg/reconcile only, so the text is the same whether a command works by itself or asks the daemon.
//
//	~ web/link/eth0  (mtu: 1500 -> 9000)          Changes
//
//	1 to change                                   Planned
//
//	failed    host/link/uplink: ...               Problems: one block for each cause
//	          /etc/linkd.d/a.yaml:12
//	          blocked: web1 … web12/port/eth0 (12)
package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
)

// Style is how text is laid out.
type Style struct {
	// Width is the number of columns of the terminal. 0 is for text that a program reads: each item is on a line of its own,
	// whatever its length, and none is left out.
	Width int
	// Colour: lines have the colours of ECMA-48.
	Colour bool
}

// StateColours are the colours of states.
var StateColours = map[string]text.Colors{
	string(reconcile.OK):       {text.FgGreen},
	string(reconcile.Pending):  {text.FgYellow},
	string(reconcile.Failed):   {text.FgRed},
	string(reconcile.Blocked):  {text.FgRed},
	string(reconcile.Flapping): {text.FgMagenta},
	reconcile.Converged:        {text.FgGreen},
	reconcile.Converging:       {text.FgYellow},
	reconcile.Degraded:         {text.FgRed},
	"kept":                     {text.FgRed},
	"rejected":                 {text.FgRed},
	"warning":                  {text.FgYellow},
	"note":                     {text.FgYellow},
	"+":                        {text.FgGreen},
	"-":                        {text.FgRed},
	"~":                        {text.FgYellow},
	"±":                        {text.FgYellow},
}

// Paint returns a word in the colour of a name.
func (s Style) Paint(name, word string) string {
	if c := StateColours[name]; s.Colour && len(c) > 0 {
		return c.Sprint(word)
	}
	return word
}

// attention are the states that are not ok, those first that need somebody's attention.
var attention = []reconcile.State{reconcile.Failed, reconcile.Flapping, reconcile.Blocked, reconcile.Pending}

// Rank returns the place of a state in a list: states that need attention come first.
func Rank(s reconcile.State) int {
	if i := slices.Index(attention, s); i >= 0 {
		return i
	}
	return len(attention)
}

// Summary returns the state, the number of resources in each state, and the number of files that are not in force, in one
// line.
func Summary(s *reconcile.Status) string {
	counts := s.Count()
	parts := []string{fmt.Sprintf("%d ok", counts[reconcile.OK])}
	for _, state := range []reconcile.State{reconcile.Pending, reconcile.Failed, reconcile.Blocked, reconcile.Flapping} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	if n := len(s.NotInForce()); n > 0 {
		parts = append(parts, plain.Count(n, "file")+" not in force")
	}
	return s.State + ": " + strings.Join(parts, ", ")
}

// Status returns the summary and the problems.
func Status(s *reconcile.Status, style Style) []string {
	line := Summary(s)
	lines := []string{style.Paint(s.State, s.State) + line[len(s.State):]}
	if problems := Problems(s, style); len(problems) > 0 {
		lines = append(append(lines, ""), problems...)
	}
	return lines
}
