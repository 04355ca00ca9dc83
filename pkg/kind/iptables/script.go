package iptables

import (
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// script is an input for iptables-restore --noflush, which applies all of it or nothing.
type script struct {
	table string
	lines []line
}

// line is a line of a script, and where its content is declared.
type line struct {
	text string
	rule Rule
}

func (s *script) add(rule Rule, format string, args ...any) {
	s.lines = append(s.lines, line{fmt.Sprintf(format, args...), rule})
}

// String returns the script in the syntax of iptables-restore, with the table before and COMMIT after its lines.
func (s *script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s\n", s.table)
	for _, l := range s.lines {
		b.WriteString(l.text + "\n")
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

// newScript returns the script that makes the table have the desired chains, and does not touch anything else. It does not touch
// rules that stay, so that no packet misses them, and they keep their counters.
func newScript(t *table, f family, wanted []*Chain, around surroundings) *script {
	s := &script{table: t.name}
	for _, want := range wanted {
		if _, there := t.chains[want.Name]; !there {
			// Naming a chain creates it, and would flush an existing one (iptables-restore(8), --noflush).
			s.add(Rule{}, ":%s - [0:0]", want.Name)
		}
	}
	for _, want := range wanted {
		have := t.chain(want.NS, f, want.Name, around)
		if _, there := t.chains[want.Name]; !there || len(want.diff(have)) > 0 {
			s.update(want, have)
			s.jump(t, want, have)
		}
	}
	return s
}

// update changes the rules of a chain to the desired ones, from the first to the last: all rules before a line are right already,
// so the line's numbers are those of the desired rules. A rule that moves within the chain keeps its counters.
func (s *script) update(want, have *Chain) {
	rules := want.wanted(have.Around)
	moved := alike(rules, have.Rules)
	for _, g := range gaps(pair(rules, have.Rules), len(have.Rules)) {
		for range g.have {
			s.add(Rule{}, "-D %s %d", want.Name, g.at+1)
		}
		for i, w := range g.want {
			counters := "[0:0]"
			if moved[w] >= 0 {
				counters = have.Rules[moved[w]].Counters
			}
			if g.last {
				s.add(rules[w], "%s -A %s %s", counters, want.Name, rules[w])
			} else {
				s.add(rules[w], "%s -I %s %d %s", counters, want.Name, g.at+1+i, rules[w])
			}
		}
	}
}

// jump changes the jumps to a chain to the desired ones. In the filter table, where most rules decide finally, linkd's jumps must
// precede foreign rules; in other tables they follow them.
func (s *script) jump(t *table, want, have *Chain) {
	for _, place := range want.places() {
		jumps := t.jumps(want, place)
		wanted := slices.Contains(have.Hooks, place)
		if wanted && len(jumps) == 1 && !t.isHidden(place, jumps[0]) || !wanted && len(jumps) == 0 {
			continue
		}
		for _, at := range jumps {
			s.add(Rule{}, "-D %s %s", place, t.chains[place][at])
		}
		switch {
		case wanted && t.name == filter:
			s.add(Rule{}, "-I %s %s", place, want.jump())
		case wanted:
			s.add(Rule{}, "-A %s %s", place, want.jump())
		}
	}
}

// suspects returns where the rules of a script are declared, those of users before others: only these can have errors that
// validation does not find.
func (s *script) suspects() (places []spec.Source) {
	for _, verbatim := range []bool{true, false} {
		for _, l := range s.lines {
			if l.rule.Source != (spec.Source{}) && l.rule.Verbatim == verbatim {
				places = append(places, l.rule.Source)
			}
		}
		if len(places) > 0 {
			return places
		}
	}
	return nil
}
