package reconcile

import (
	"fmt"
	"testing"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// FAULTS 49: what ends with its namespace, and what needed that, is nobody's drift, and is made again at once however often it
// happens. When the news of the end comes first, nobody is blamed; when it comes late, nothing is held back.
func TestWhatEndsWithItsNamespaceIsNoDrift(t *testing.T) {
	for _, late := range []bool{false, true} {
		m := newMachine(t, "", "lab/box/a\nhost/box/v within=lab\nhost/note/p needs=host/box/v\nhost/note/q needs=host/note/p", "lab=name:lab")
		m.answer()
		blamed := 0
		m.OnEvents = func(events []Event) {
			for _, ev := range events {
				if ev.Event == Drift {
					blamed++
				}
			}
		}
		for round := range 3 * flapCount {
			for _, id := range []string{"lab/box/a", "host/box/v", "host/note/p", "host/note/q"} {
				must(t, m.kernel.delete(parseID(id)))
			}
			ended := []observe.Notification{{NS: "lab", Topic: observe.NamespaceTopic}}
			gone := []observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic}, {NS: spec.Host, Topic: observe.RouteTopic}}
			if late {
				ended, gone = gone, ended
				m.kernel.refuses[parseID("host/box/v")] = observe.Pendingf("lab has just ended")
			}
			m.at["lab"] = ""
			m.Notify(ended)
			m.answer()
			m.Notify(gone)
			m.answer()
			delete(m.kernel.refuses, parseID("host/box/v"))
			m.at["lab"] = observe.Identity(fmt.Sprint("lab-", round))
			m.Notify([]observe.Notification{{NS: "lab", Topic: observe.NamespaceTopic}})
			m.answer()
			m.want(fmt.Sprintf("in round %d, late: %t", round, late), "host/box/v ok\nhost/note/p ok\nhost/note/q ok\nlab/box/a ok\n")
			m.EndPass()
			m.step(time.Second)
			m.answer()
		}
		if !late && blamed > 0 {
			t.Errorf("%d drifts are reported", blamed)
		}
		if m.kernel.things[parseID("host/note/q")] == nil {
			t.Error("it is not made again")
		}
	}
}
