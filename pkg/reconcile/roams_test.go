package reconcile

import (
	"context"
	"fmt"
	"testing"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// roamer is a toy whose value the kernel may change after linkd has set it.
type roamer struct{ toyKind }

func (roamer) Observe(_ context.Context, _ *observe.NS, _ Query[*toy]) ([]*toy, error) {
	return nil, nil
}

func (roamer) Diff(want, have *toy) []Field {
	var fs Fields
	if want.mark {
		Compare(&fs, "value", &want.value, have.value)
	}
	return fs
}

// The kernel's change of a value that roams is no drift, from when linkd has seen the value set until the file has another.
func TestRoams(t *testing.T) {
	kind := Register[*toy]("peer", roamer{}, Capabilities[*toy]{
		Ownership: Ownership[*toy]{Fingerprint: func(*toy) string { return "" }},
		Roams: func(want *toy) (string, *toy) {
			strict := *want
			strict.mark = true
			return want.value, &strict
		},
	})
	id := spec.ID{NS: "host", Kind: "peer", Key: "p"}
	const ns = observe.Identity("1")
	journal := ReadJournal("")
	journal.Put(id, Entry{Identity: ns})
	for i, step := range []struct{ want, have, op, noted string }{
		{"a", "b", "[value: b -> a]", ""},
		{"a", "a", "", "a"},
		{"a", "roamed", "", "a"},
		{"c", "roamed", "[value: roamed -> c]", "a"},
		{"c", "c", "", "c"},
		{"", "roamed", "", ""},
	} {
		want, have := &toy{id: id, value: step.want}, &toy{id: id, value: step.have}
		c := &comparison{
			kinds: map[string]*Registered{"peer": &kind}, rank: map[*Registered]int{&kind: 0}, want: []wanted{{Resource: want}}, found: observed{},
			missing: func(string) error { return nil }, held: func(spec.ID) (Verdict, bool) { return Verdict{}, false },
			dueRenewal: func(spec.ID) bool { return false }, journal: journal, identity: func(string) observe.Identity { return ns },
		}
		c.found.set(have)
		c.losses = lossesOf(c.found, c.kinds)
		plan, _ := c.run()
		said := ""
		for _, op := range plan {
			said += fmt.Sprint(op.Why)
			// An op about the value leaves the record empty until the value has been seen.
			entry, _ := op.entry(journal, ns)
			if entry.Roams != "" {
				t.Errorf("step %d: the op records %q", i, entry.Roams)
			}
		}
		for _, change := range c.remember {
			change.changeJournal(journal)
		}
		if e, _ := journal.Get(id, ns); said != step.op || e.Roams != step.noted {
			t.Errorf("step %d: op %s, noted %q; want %s, %q", i, said, e.Roams, step.op, step.noted)
		}
	}
	// A change of something else keeps the record.
	journal.Put(id, Entry{Identity: ns, Roams: "a"})
	if e, _ := (&Op{Want: &toy{id: id, value: "a"}, kind: &kind}).entry(journal, ns); e.Roams != "a" {
		t.Errorf("after another change, noted %q", e.Roams)
	}
}
