package reconcile

import (
	"fmt"
	"strings"
	"testing"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// wantsHere is another desired state in the same namespaces.
func (m *machine) wantsHere(want string) *spec.Desired {
	d := wants(want)
	d.Namespaces = m.desired.named
	return d
}

// What is about to end waits until somebody has looked whether others have something on it, and it waits alone.
func TestWhatEndsWaitsAlone(t *testing.T) {
	m := newMachine(t, "", "evil/box/a\ngood/box/b", "evil=name:evil", "good=name:good")
	m.answer()
	// Nobody asks for notes there, so nobody looks at them until something is about to end.
	m.Notify([]observe.Notification{{NS: "evil", Topic: observe.RouteTopic}})
	m.WantTemplates(m.wantsHere("good/box/b value=2"), true)
	m.step(0)
	looks := m.asked
	m.asked = nil
	for _, r := range looks {
		m.Done(m.result(r))
	}
	m.answer("evil")
	m.step(m.plan.patience)
	m.answer("evil")
	m.want("while it does not answer", "good/box/b ok\n")
	if m.kernel.things[parseID("evil/box/a")] == nil {
		t.Error("it ended, and nobody had looked at what may stand on it")
	}
	m.answer()
	if m.kernel.things[parseID("evil/box/a")] != nil {
		t.Error("it did not end")
	}
}

// A look at a namespace does not wait for what is to be changed there with another one that does not answer.
func TestALookWaitsForNoOtherNamespace(t *testing.T) {
	m := newMachine(t, "", "good/box/g\nhost/box/y within=good needs=good/box/g", "good=name:good")
	m.answer("good")
	m.Notify([]observe.Notification{{NS: "host", Topic: observe.LinkTopic}})
	for len(m.asked[0].Look) > 0 {
		r := m.asked[0]
		m.asked = m.asked[1:]
		m.Done(m.result(r))
		m.step(0)
	}
	m.Notify([]observe.Notification{{NS: "host", Topic: observe.LinkTopic}})
	m.answer("host")
	m.step(m.plan.patience)
	must(t, m.kernel.delete(parseID("good/box/g")))
	m.Notify([]observe.Notification{{NS: "good", Topic: observe.LinkTopic}})
	m.answer("host")
	if m.kernel.things[parseID("good/box/g")] == nil {
		t.Error("a drift was not repaired while the host did not answer")
	}
	m.answer()
	m.want("when it does", "good/box/g ok\nhost/box/y ok\n")
}

// A look that waits for an op that hangs in the same namespace does not keep linkd from being done with the others.
func TestALookAfterAnOpThatHangs(t *testing.T) {
	var many []string
	for i := range mostOps + 1 {
		many = append(many, fmt.Sprintf("host/box/b%d", i))
	}
	m := newMachine(t, "", strings.Join(many, "\n"))
	for ops := 0; ops < 2; {
		m.step(0)
		if m.asked[0].Ops != nil {
			ops++
		}
		if ops < 2 {
			m.Done(m.result(m.asked[0]))
			m.asked = m.asked[1:]
		}
	}
	m.step(m.plan.patience)
	m.step(behindTime)
	if !m.Settled() {
		t.Error("linkd waits for a look that waits for the op")
	}
	m.answer()
	if !m.Quiet() {
		t.Error("something is still to be done")
	}
}
