package reconcile

import (
	"strings"
	"testing"

	"linkd/pkg/spec"
)

// What comes after something else does so where it can: what is needed is made first.
func TestOrderOfWhatComesAfter(t *testing.T) {
	kind := &Registered{Name: "box"}
	needs := func(r spec.Resource) []spec.ID { return r.Needs() }
	for _, test := range []struct{ ops, want string }{
		{"create host/box/a after=host/box/b\ncreate host/box/b", "b a"},
		// The interface is made before its own setting, and set up after it.
		{"create host/box/a after=host/box/b\ncreate host/box/b needs=host/box/a", "a b"},
		{"update host/box/a after=host/box/b\nupdate host/box/b needs=host/box/a", "b a"},
		{"create host/box/a after=host/box/c\ncreate host/box/b needs=host/box/a", "a b"},
	} {
		var ops []*Op
		for line := range strings.Lines(test.ops) {
			verb, text, _ := strings.Cut(line, " ")
			op := &Op{Verb: Create, Want: parse(text)[0], kind: kind}
			if verb == "update" {
				op.Verb, op.Have = Update, op.Want
			}
			ops = append(ops, op)
		}
		var names []string
		for _, op := range order(ops, map[*Registered]int{kind: 0}, needs) {
			names = append(names, op.ID().Key)
		}
		if have := strings.Join(names, " "); have != test.want {
			t.Errorf("%s: have %s, want %s", test.ops, have, test.want)
		}
	}
}
