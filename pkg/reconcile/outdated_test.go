package reconcile

import (
	"strings"
	"testing"

	"linkd/pkg/observe"
)

// While an end waits for another one, somebody may put something on what is to end: then it stays.
func TestSomethingIsPutOnWhatIsToEnd(t *testing.T) {
	m := newMachine(t, "host/box/a mark\nevil/box/v mark needs=host/box/a", "evil/box/e\nhost/note/n", "evil=name:evil")
	m.step(0)
	for m.plan.tasks[parseID("host/box/a")] == nil {
		r := m.asked[0]
		m.asked = m.asked[1:]
		m.Done(m.result(r))
		m.step(0)
	}
	m.kernel.things[parseID("host/note/x")] = parse("host/note/x needs=host/box/a")[0]
	m.Notify([]observe.Notification{{NS: "host", Topic: observe.LinkTopic}, {NS: "host", Topic: observe.RouteTopic}})
	m.answer("evil")
	m.answer()
	if m.kernel.things[parseID("host/note/x")] == nil || !strings.Contains(m.stands(), "host/box/a failed linkd does not delete it, because that would delete resources that it did not make: host/note/x") {
		t.Errorf("there is\n%s\nand it stands\n%s", m.kernel, m.stands())
	}
}
