package reconcile

import (
	"context"
	"testing"

	"linkd/pkg/observe"
)

// names are the namespaces that names lead to.
type names map[string]observe.Identity

func (n names) Open(name string) (*observe.NS, error) {
	if n[name] == "" {
		return nil, observe.Pendingf("%s is not there", name)
	}
	return &observe.NS{Name: name, Identity: n[name]}, nil
}

func (n names) Retry(string) {}

// work has the worker carry out the ops that are asked for.
func (m *machine) work() {
	m.Helper()
	w := &Worker{Journal: m.journal, Progress: func() {}}
	r := m.opsOf()
	out := &Result{Request: r}
	for range r.Ops {
		w.next(context.Background(), names(m.at), out)
	}
	m.Done(out)
}

// What was planned for one namespace is not done in another that has taken its name: what a setting was in the one is not
// what it was in the other.
func TestAnOpForANamespaceThatWasReplaced(t *testing.T) {
	m := newMachine(t, "lab/knob/k value=1", "lab/knob/k value=2", "lab=name:lab")
	ops := m.opsOf()
	m.asked = append(m.asked, ops)
	m.at["lab"] = "another"
	m.kernel.things[parseID("lab/knob/k")].value = "7"
	m.work()
	if got := m.kernel.things[parseID("lab/knob/k")].value; got != "7" || m.journal.text() != "" {
		t.Errorf("it is set to %s, and the journal has %q", got, m.journal.text())
	}
	m.work()
	if e, _ := m.journal.Get(parseID("lab/knob/k"), "another"); e.Before != "7" || m.kernel.things[parseID("lab/knob/k")].value != "2" {
		t.Errorf("after another look: %+v", e)
	}
}
