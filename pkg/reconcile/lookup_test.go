package reconcile

import (
	"context"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Subject, Find and Make implement Lookup.
func (k noteKind) Subject(want *toy) observe.Subject {
	return observe.Subject{Metric: uint32(want.id.Key[0])}
}

func (k noteKind) Find(_ *observe.NS, wanted []*toy) (found []*toy, ok bool, err error) {
	for _, want := range wanted {
		if have := k.things[want.id]; have != nil {
			found = append(found, have)
		}
	}
	return found, true, nil
}

func (k noteKind) Make(ctx context.Context, ns *observe.NS, want *toy) (*toy, error) {
	return nil, k.Create(ctx, ns, want)
}

// next is the one request that is asked for next.
func (m *machine) next() *Request {
	m.Helper()
	m.step(0)
	if len(m.asked) != 1 {
		m.Fatalf("%d requests instead of one", len(m.asked))
	}
	r := m.asked[0]
	m.asked = nil
	return r
}

// lost has the machine hear that one of the notes a, b and c has gone, and returns the answer to the look at that alone.
func lost(m *machine, key string) *Result {
	m.Helper()
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.RouteTopic, Removed: []observe.Subject{{Metric: uint32(key[0])}}}})
	look := m.next()
	if only := look.Look[0].only; len(only) != 1 || only[0].ID().Key != key {
		m.Fatalf("looks at %v, and not only at %s", only, key)
	}
	out := &Result{Request: look, Location: observe.Location{Identity: m.at["lab"]}}
	seen := observation{scope: scope{"lab", "note"}, ids: look.Look[0].covers.ids}
	out.observations = append(out.observations, seen)
	return out
}

const threeNotes = "lab/note/a value=1\nlab/note/b value=1\nlab/note/c value=1"

// What is gone is looked at alone, is made again, and what the kernel says of that needs no look: the work does not depend on how
// much else there is.
func TestOneOfManyIsLookedAtAlone(t *testing.T) {
	m := newMachine(t, "", threeNotes, "lab=name:lab")
	m.answer()
	id := parseID("lab/note/b")
	delete(m.kernel.things, id)
	m.Done(lost(m, "b"))
	op := m.next()
	if len(op.Ops) != 1 || op.Ops[0].ID() != id || op.Ops[0].Verb != Create {
		t.Fatalf("does %v", op.Ops)
	}
	out := m.result(op)
	out.made = map[spec.ID]spec.Resource{id: m.kernel.things[id]}
	m.Done(out)
	m.step(0)
	if len(m.asked) > 0 || !m.Quiet() {
		t.Errorf("asks for %v after it was told what was made", m.asked)
	}
	m.want("once it is made", `
lab/note/a ok
lab/note/b ok
lab/note/c ok
`)
}

// Without the kernel's word on what was made, everything is looked at.
func TestWhatWasMadeIsLookedAtUnlessTold(t *testing.T) {
	m := newMachine(t, "", threeNotes, "lab=name:lab")
	m.answer()
	delete(m.kernel.things, parseID("lab/note/b"))
	m.Done(lost(m, "b"))
	m.Done(m.result(m.next()))
	if look := m.next(); look.Look[0].only != nil || !look.Look[0].covers.all {
		t.Errorf("looks at %v only", look.Look[0].only)
	}
}

// What a look at one resource took for missing may have another's in its place. That is found out before anything is said.
func TestAPlaceThatIsTakenIsLookedAt(t *testing.T) {
	m := newMachine(t, "", threeNotes, "lab=name:lab")
	m.answer()
	id := parseID("lab/note/b")
	m.kernel.things[id] = parse("lab/note/b value=2 print=theirs")[0]
	m.Done(lost(m, "b"))
	m.OnEvents = func(events []Event) {
		for _, ev := range events {
			if ev.Event == OpDone {
				t.Errorf("says %+v", ev)
			}
		}
	}
	op := m.next()
	m.Done(&Result{Request: op, Errs: []error{unix.EEXIST}})
	if look := m.next(); look.Look[0].only != nil {
		t.Errorf("looks at %v only", look.Look[0].only)
	} else {
		m.Done(m.result(look))
	}
	m.answer()
	m.want("with another's in its place", `
lab/note/a ok
lab/note/b failed lab already has a note "b" that linkd did not create (value: 2 -> 1). linkd leaves it alone
lab/note/c ok
`)
}

// News that is of something else, too, or of what nobody wants, leads to a look at all.
func TestOtherNewsLeadsToALookAtAll(t *testing.T) {
	a, b, z := observe.Subject{Metric: 'a'}, observe.Subject{Metric: 'b'}, observe.Subject{Metric: 'z'}
	for _, test := range []struct {
		removed [][]observe.Subject
		only    []string
	}{
		{[][]observe.Subject{{a}, {b}}, []string{"a", "b"}},
		{[][]observe.Subject{{a}, nil}, nil},
		{[][]observe.Subject{{a, z}}, nil},
	} {
		m := newMachine(t, "", threeNotes, "lab=name:lab")
		m.answer()
		for _, removed := range test.removed {
			m.Notify([]observe.Notification{{NS: "lab", Topic: observe.RouteTopic, Removed: removed}})
		}
		var only []string
		for _, r := range m.next().Look[0].only {
			only = append(only, r.ID().Key)
		}
		if !slices.Equal(only, test.only) {
			t.Errorf("after news of %v: looks at %v only, want %v", test.removed, only, test.only)
		}
	}
}
