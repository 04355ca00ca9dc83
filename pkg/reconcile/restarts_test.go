package reconcile

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// FAULTS 49: the kernel deletes what ends with a namespace some time after the namespace has ended, and perhaps when its name
// leads to another one already. Until then the end of a veth here is as it was, with its port and its addresses.
func TestWhatStillStandsAfterItsNamespaceEndedIsNoDrift(t *testing.T) {
	m := newMachine(t, "", "host/box/v within=lab twin=lab/box/a\nlab/box/a needs=host/box/v\nhost/note/p needs=host/box/v\nhost/note/q needs=host/note/p", "lab=name:lab")
	m.answer()
	m.OnEvents = func(events []Event) {
		for _, ev := range events {
			if ev.Event == Drift {
				t.Errorf("%s is called drift", ev.ID)
			}
		}
	}
	for round := range 3 * flapCount {
		// The new namespace is there, and nothing can be made in it while the old veth has its name here.
		must(t, m.kernel.delete(parseID("lab/box/a")))
		m.kernel.refuses[parseID("lab/box/a")] = unix.ENODEV
		m.at["lab"] = observe.Identity(fmt.Sprint("lab-", round))
		m.Notify([]observe.Notification{{NS: "lab", Topic: observe.NamespaceTopic}, {NS: spec.Host, Topic: observe.LinkTopic}, {NS: spec.Host, Topic: observe.RouteTopic}})
		m.answer()
		delete(m.kernel.refuses, parseID("lab/box/a"))
		for _, id := range []string{"host/box/v", "host/note/p", "host/note/q"} {
			must(t, m.kernel.delete(parseID(id)))
		}
		// The look at the notes comes before the look at the box.
		m.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.RouteTopic}})
		m.answer()
		m.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.LinkTopic}})
		m.answer()
		m.EndPass()
		m.step(time.Second)
		m.answer()
		m.want(fmt.Sprint("in round ", round), "host/box/v ok\nhost/note/p ok\nhost/note/q ok\nlab/box/a ok\n")
	}
	// What somebody deletes afterwards is drift again.
	m.OnEvents = nil
	corrections := m.Counters.Corrections
	must(t, m.kernel.delete(parseID("host/note/q")))
	m.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.RouteTopic}})
	m.answer()
	if m.Counters.Corrections != corrections+1 {
		t.Error("a deleted note is no drift any more")
	}
}

// FAULTS 50: of two containers in the place of templates that share a namespace, one is cared for: the one that a file names, else
// the one that linkd has configured, else the one that came first.
func TestContainersThatShareANamespace(t *testing.T) {
	for _, test := range []struct {
		what      string
		templates []string
		knows     string
		late      string
		cared     string
	}{
		{"the first stays", []string{"one", "two"}, "", "one", "two"},
		{"the one that is configured stays", []string{"one", "two"}, "two", "none", "two"},
		{"the one that a file names stays", []string{"one"}, "one", "two", "two"},
	} {
		m := newMachine(t, "", "one/box/a\ntwo/box/b", "one=name:one", "two=name:two")
		desired := wants("one/box/a\ntwo/box/b")
		desired.Namespaces = map[string]spec.Namespace{}
		for _, name := range []string{"one", "two"} {
			desired.Namespaces[name] = spec.Namespace{Name: name, Selector: spec.Selector{Scheme: "docker", Value: name}}
			m.at[name] = "shared"
		}
		for _, name := range test.templates {
			ns := desired.Namespaces[name]
			ns.Template = "labelled"
			desired.Namespaces[name] = ns
		}
		if test.knows != "" {
			m.journal.Put(parseID(test.knows+"/box/x"), Entry{Identity: "shared"})
		}
		m.at[test.late] = ""
		m.Want(desired, true)
		m.answer()
		m.at[test.late] = "shared"
		for range 3 {
			m.Notify([]observe.Notification{{NS: test.late, Topic: observe.NamespaceTopic}})
			m.answer()
			other := map[string]string{"one": "two", "two": "one"}[test.cared]
			want := map[string]string{
				test.cared: "ok", other: fmt.Sprintf("failed %s is in the network namespace of %s, which linkd configures", other, test.cared),
			}
			m.want(test.what, fmt.Sprintf("one/box/a %s\ntwo/box/b %s\n", want["one"], want["two"]))
			// To look at either again changes nothing.
			m.Notify([]observe.Notification{{NS: test.cared, Topic: observe.NamespaceTopic}})
			m.answer()
			m.want(test.what, fmt.Sprintf("one/box/a %s\ntwo/box/b %s\n", want["one"], want["two"]))
		}
	}
}
