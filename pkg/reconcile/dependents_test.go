package reconcile

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
)

// What others have in the place of something that is wanted, and cannot be made yet, is not linkd's to end.
func TestOthersInThePlaceOfWhatWaits(t *testing.T) {
	m := newMachine(t, "host/box/a mark\nhost/box/x needs=host/box/a", "host/box/x within=far", "far=name:far")
	m.at["far"] = ""
	m.answer()
	if m.kernel.things[parseID("host/box/x")] == nil || !strings.Contains(m.stands(), "host/box/a failed linkd does not delete it, because that would delete resources that it did not make: host/box/x") {
		t.Errorf("there is\n%s\nand it stands\n%s", m.kernel, m.stands())
	}
}

// What ends with something may be in another namespace: that is looked at, too, before.
func TestAnEndLooksWhereItReaches(t *testing.T) {
	m := newMachine(t, "", "host/box/a\nlab/box/b needs=host/box/a", "lab=name:lab")
	m.answer()
	m.kernel.things[parseID("lab/note/x")] = parse("lab/note/x needs=lab/box/b")[0]
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.RouteTopic}})
	m.WantTemplates(m.wantsHere("lab/box/b needs=host/box/a"), true)
	m.answer()
	if !strings.Contains(m.stands(), "host/box/a failed linkd does not delete it, because that would delete resources that it did not make: lab/note/x") {
		t.Errorf("it stands\n%s", m.stands())
	}
}

// What linkd has made is known from the first look on, though it cannot be compared before another namespace was looked at:
// what others put in its place then is theirs.
func TestWhatWasMadeIsKnownAtTheFirstLook(t *testing.T) {
	m := newMachine(t, "", "host/note/n print=1", "evil=name:evil")
	m.work()
	m.step(0)
	for _, r := range m.asked {
		if r.NS == "host" {
			m.Done(m.result(r))
		}
	}
	if e, _ := m.journal.Get(parseID("host/note/n"), "host"); e.Print != "1" {
		t.Errorf("remembered is %+v", e)
	}
}

// So is what it has failed to make.
func TestWhatWasNotMadeIsForgottenAtTheFirstLook(t *testing.T) {
	m := newMachine(t, "", "host/note/n print=1", "evil=name:evil")
	m.kernel.refuses[parseID("host/note/n")] = unix.EIO
	m.work()
	if !m.journal.Has(scope{"host", "note"}) {
		t.Fatal("it may have been made, and nothing is remembered")
	}
	m.step(0)
	for _, r := range m.asked {
		if r.NS == "host" {
			m.Done(m.result(r))
		}
	}
	if left := m.journal.text(); left != "" {
		t.Errorf("remembered is %s", left)
	}
}
