package reconcile

import (
	"context"
	"testing"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
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

// What was fetched and brought to another namespace that has taken the name of its home is as linkd had left it: what it was
// before that is remembered.
func TestWhatWasFetchedFromANamespaceThatWasReplaced(t *testing.T) {
	m := newMachine(t, "pod/box/h value=2 home=pod/box/h device=7", "host/box/w home=pod/box/h value=2", "pod=name:pod")
	m.journal.Put(parseID("pod/away/box/h"), Entry{Identity: "long ago", Set: true, Before: "1", Device: "7"})
	m.work()
	if e, _ := m.journal.Get(parseID("pod/away/box/h"), "pod"); e.Before != "1" {
		t.Errorf("remembered is %+v", e)
	}
}

// What is found as it is wanted, and is linkd's, is found again once no file names its namespace any more.
func TestWhatIsLeftInANamespaceWhereNothingWasDone(t *testing.T) {
	m := newMachine(t, "lab/box/a mark", "lab/box/a", "lab=name:lab")
	m.answer()
	m.reload("")
	m.answer()
	if m.kernel.things[parseID("lab/box/a")] != nil {
		t.Error("it is left there")
	}
}

// What linkd has set under one name of a namespace is not what the setting was before, by another.
func TestASettingUnderAnotherName(t *testing.T) {
	for have, before := range map[string]string{"2": "1", "3": "1", "7": "7"} {
		m := newMachine(t, "lab/knob/k value="+have, "lab/knob/k value=3", "lab=name:lab")
		m.journal.Put(parseID("old/knob/k"), Entry{Identity: "lab", Set: true, Before: "1", Wrote: "2", Earlier: "3"})
		m.journal.Put(parseID("older/knob/k"), Entry{Identity: "another", Set: true, Before: "5", Wrote: have})
		if have == "3" {
			m.answer()
		} else {
			m.work()
		}
		if e, _ := m.journal.Get(parseID("lab/knob/k"), "lab"); e.Before != before || e.Wrote != "3" {
			t.Errorf("with %s: %+v", have, e)
		}
	}
}

// What is remembered of a namespace under a name that no file gives any more follows it to another name, as soon as both are
// known: the first may lead nowhere, one day.
func TestWhatIsRememberedFollowsANamespace(t *testing.T) {
	for want, value := range map[string]string{"": "1", "lab/knob/k value=2": "2"} {
		m := newMachine(t, "lab/knob/k value=2", want, "lab=name:lab")
		m.at["old"] = "lab"
		old := spec.Selector{Scheme: "name", Value: "old"}
		m.journal.Remember("old", old)
		m.journal.Put(parseID("old/knob/k"), Entry{Identity: "lab", Set: true, Before: "1", Wrote: "2"})
		m.Want(m.wantsHere(want), true)
		m.answer()
		e, _ := m.journal.Get(parseID("lab/knob/k"), "lab")
		if got := m.kernel.things[parseID("lab/knob/k")].value; got != value || want != "" && e.Before != "1" {
			t.Errorf("with %q it is %s, and remembered is %+v", want, got, e)
		}
		if m.journal.Has(scope{"old", "knob"}) {
			t.Errorf("with %q it is remembered under the old name", want)
		}
	}
}

// So it does when one of two names that the files give leads nowhere any more.
func TestWhatIsRememberedOfANameThatIsGone(t *testing.T) {
	m := newMachine(t, "lab/knob/k value=2", "", "lab=name:lab", "old=name:old")
	m.at["old"] = "lab"
	m.journal.Put(parseID("old/knob/k"), Entry{Identity: "lab", Set: true, Before: "1", Wrote: "2"})
	m.answer()
	m.at["old"] = ""
	m.Notify([]observe.Notification{{NS: "old", Topic: observe.NamespaceTopic}})
	m.answer()
	if got := m.kernel.things[parseID("lab/knob/k")].value; got != "1" {
		t.Errorf("it is %s", got)
	}
}

// What was deleted is forgotten once a look has not found it: somebody may have given it another name, and linkd may be killed
// before it looks.
func TestWhatWasDeletedIsRememberedUntilALook(t *testing.T) {
	m := newMachine(t, "host/note/n print=1", "")
	m.journal.Put(parseID("host/note/n"), Entry{Identity: "host", Print: "1"})
	m.work()
	if _, remembered := m.journal.Recall(parseID("host/note/n")); m.kernel.things[parseID("host/note/n")] != nil || !remembered {
		t.Errorf("there is %s, and remembered: %t", m.kernel, remembered)
	}
	m.answer()
	if left := m.journal.text(); left != "" {
		t.Errorf("remembered is %s", left)
	}
}
