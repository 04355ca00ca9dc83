package reconcile

import (
	"testing"
	"time"

	"linkd/pkg/spec"
)

// A name leads to another namespace in the files now. linkd removes what it made in the first one, whichever of the two
// namespaces it looks at first.
func TestANameThatLeadsElsewhere(t *testing.T) {
	for _, late := range []string{"zone", "name:blue"} {
		m := newMachine(t, "", "zone/box/a", "zone=name:blue")
		m.at["zone"] = "blue"
		m.answer()
		// The kernel of the tests knows namespaces by their names: what is in blue has another one from now on.
		made, left := parseID("zone/box/a"), spec.ID{NS: "name:blue", Kind: "box", Key: "a"}
		moved := *m.kernel.things[made]
		moved.id = left
		delete(m.kernel.things, made)
		m.kernel.things[left] = &moved
		m.at["zone"], m.at["name:blue"] = "red", "blue"
		desired := wants("zone/box/a")
		desired.Namespaces = map[string]spec.Namespace{"zone": {Name: "zone", Selector: spec.Selector{Scheme: "name", Value: "red"}}}
		m.Want(desired, true)
		m.answer(late)
		// linkd does not wait for it any longer, and goes on with the rest.
		m.step(time.Second)
		m.answer(late)
		m.answer()
		if m.kernel.things[left] != nil || m.kernel.things[made] == nil || !m.Quiet() {
			t.Errorf("with %s looked at last there is\n%s", late, m.kernel)
		}
	}
}
