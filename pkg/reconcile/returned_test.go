package reconcile

import (
	"errors"
	"testing"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// recurring is a machine on which what linkd made of a kind can come back. The kind finds it only if it searches.
type recurring struct {
	*machine
	id spec.ID
	// hidden: a search fails.
	hidden bool
}

func newRecurring(t *testing.T) *recurring {
	m := &recurring{machine: newMachine(t, "", "host/space/s", "lab=name:lab"), id: parseID("lab/box/x")}
	m.kinds.byName["box"].Recurs = true
	m.answer()
	return m
}

func (m *recurring) comesBack() { m.kernel.things[m.id] = &toy{id: m.id, mark: true} }

func (m *recurring) isThere() bool { return m.kernel.things[m.id] != nil }

// answer answers all that is asked, until nothing else is.
func (m *recurring) answer() {
	m.step(0)
	for len(m.asked) > 0 {
		r := m.asked[0]
		m.asked = m.asked[1:]
		out := m.result(r)
		for i, s := range r.Look {
			switch {
			case s.Kind.Name != "box" || r.NS != m.id.NS:
			case !s.search:
				out.observations[i].found = nil
			case m.hidden:
				out.failed = map[string]error{"box": errors.New("hidden")}
			}
		}
		if len(out.failed) > 0 {
			out.observations = nil
		}
		m.Done(out)
		m.step(0)
	}
}

// What linkd deleted and somebody brings back is found, though no file has anything of the kind there.
func TestWhatComesBackIsFound(t *testing.T) {
	m := newRecurring(t)
	m.comesBack()
	m.LookAtAll()
	m.answer()
	if !m.isThere() {
		t.Error("it was found without a search")
	}
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.LinkTopic}})
	m.answer()
	if m.isThere() {
		t.Error("it is still there after news of it")
	}
	m.comesBack()
	m.LookForReturned()
	m.answer()
	if m.isThere() {
		t.Error("it is still there after linkd has searched everywhere")
	}
}

// A search that failed is repeated, and so is a removal.
func TestWhatComesBackIsSearchedForUntilItIsGone(t *testing.T) {
	m := newRecurring(t)
	m.comesBack()
	m.hidden, m.kernel.refuses[m.id] = true, errors.New("refused")
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.LinkTopic}})
	m.answer()
	m.hidden = false
	m.step(time.Minute)
	m.answer()
	if !m.isThere() {
		t.Fatal("it is gone though that was refused")
	}
	delete(m.kernel.refuses, m.id)
	m.step(time.Minute)
	m.answer()
	if m.isThere() {
		t.Error("it is still there")
	}
}
