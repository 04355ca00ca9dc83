package iptables

import (
	"fmt"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// script is the input for iptables-restore --noflush: all of it is done at once, or nothing.
type script struct {
	table string
	lines []line
}

// line is a line of a script, and where what it asks for is declared.
type line struct {
	text string
	rule Rule
}

func (s *script) add(rule Rule, format string, args ...any) {
	s.lines = append(s.lines, line{fmt.Sprintf(format, args...), rule})
}

// String is the script as iptables-restore reads it, with the table before and COMMIT after its lines.
func (s *script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s\n", s.table)
	for _, l := range s.lines {
		b.WriteString(l.text + "\n")
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

// newScript is what makes the table hold chains as wanted, and leaves all else. What stays of a chain is not touched,
// so that no packet misses it, and it goes on counting.
func newScript(t *table, f family, wanted []*Chain, around surroundings) *script {
	s := &script{table: t.name}
	for _, want := range wanted {
		if _, there := t.chains[want.Name]; !there {
			// To name a chain is to make it, and would empty one that is there (iptables-restore(8), --noflush).
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

// update makes the rules of a chain as wanted, from the first to the last: what is before a line is right already, so
// that its numbers are those of the wanted rules. A rule that comes from elsewhere in the chain brings its counters.
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

// jump makes the jumps to a chain as wanted, where they are not. In the filter table, where most rules decide for good,
// linkd's have to come before others'; elsewhere they come after them.
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

// suspects are where the rules are declared that a script asks for, those of users before others: only these can be
// wrong in a way that was not seen when the files were read.
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
