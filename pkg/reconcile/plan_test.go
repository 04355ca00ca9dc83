package reconcile

import (
	"fmt"
	"testing"

	"linkd/pkg/spec"
)

// A line of a plan does not get longer than a reader will read.
func TestALineTellsAFewDifferences(t *testing.T) {
	differences := func(n int) (fs Fields) {
		for i := range n {
			fs.Differ(fmt.Sprintf("rule %d", i+1), "", "x")
		}
		return fs
	}
	for n, want := range map[int]string{
		1:   "(rule 1: (none) -> x)",
		8:   "(rule 1: (none) -> x, rule 2: (none) -> x, rule 3: (none) -> x, rule 4: (none) -> x, rule 5: (none) -> x, rule 6: (none) -> x, rule 7: (none) -> x, rule 8: (none) -> x)",
		9:   "(rule 1: (none) -> x, rule 2: (none) -> x, rule 3: (none) -> x, rule 4: (none) -> x, rule 5: (none) -> x, rule 6: (none) -> x, rule 7: (none) -> x, and 2 more)",
		300: "(rule 1: (none) -> x, rule 2: (none) -> x, rule 3: (none) -> x, rule 4: (none) -> x, rule 5: (none) -> x, rule 6: (none) -> x, rule 7: (none) -> x, and 293 more)",
	} {
		op := &Op{Verb: Update, Want: &toy{id: spec.ID{NS: "host", Kind: "box", Key: "a"}}, Why: differences(n)}
		if have := op.String(); have != "~ host/box/a  "+want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
}
