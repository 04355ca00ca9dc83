package reconcile

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// opsOf answers looks until ops are asked for.
func (m *machine) opsOf() *Request {
	m.Helper()
	for range 50 {
		m.step(0)
		asked := m.asked
		m.asked = nil
		var ops *Request
		for _, r := range asked {
			if r.Ops != nil && ops == nil {
				ops = r
				continue
			}
			m.Done(m.result(r))
		}
		if ops != nil {
			return ops
		}
	}
	m.Fatal("no ops are asked for")
	return nil
}

// reload sets another desired state.
func (m *machine) reload(text string) {
	d := wants(text)
	d.Namespaces = map[string]spec.Namespace{}
	m.Want(d, true)
}

// What fails after other files were read fails for those before them: it is tried again, and so is what it has stopped.
func TestAFailureOfTheFilesBefore(t *testing.T) {
	const files = "host/box/a\nhost/box/b needs=host/box/a"
	m := newMachine(t, "", files)
	ops := m.opsOf()
	m.reload(files)
	m.Done(&Result{Request: ops, Errs: []error{errors.New("broken"), errSkipped}})
	m.answer()
	m.want("after the reload", "host/box/a ok\nhost/box/b ok\n")
	if !m.Quiet() {
		t.Error("something is still to be done")
	}
}

// Of the ops that there was no time for before other files were read, none is carried out that these do not ask for.
func TestOpsOfTheFilesBefore(t *testing.T) {
	m := newMachine(t, "", "host/box/a\nhost/box/b")
	ops := m.opsOf()
	m.reload("")
	m.Done(&Result{Request: ops, Errs: []error{m.kernel.carryOut(ops.Ops[0].Op, nil)}})
	for _, r := range m.Requests() {
		for _, j := range r.Ops {
			if j.Verb != Delete {
				t.Errorf("asked for %s, which no file wants", j.Op)
			}
		}
		m.Done(m.result(r))
	}
	m.answer()
	if len(m.kernel.things) > 0 {
		t.Errorf("there is still\n%s", m.kernel)
	}
}

// What waits for an op in a namespace that does not answer is as late as that.
func TestWhatWaitsForALateNamespace(t *testing.T) {
	m := newMachine(t, "", "good/box/a needs=evil/box/b\nevil/box/b\nhost/box/c", "good=name:good", "evil=name:evil")
	for range 30 {
		m.step(0)
		asked := m.asked
		m.asked = nil
		for _, r := range asked {
			if r.Ops == nil || r.NS != "evil" {
				m.Done(m.result(r))
			}
		}
	}
	m.step(5 * time.Second)
	if behind := m.Behind(); !m.Settled() || len(behind) != 1 || behind[0].NS != "evil" {
		t.Errorf("settled: %v; behind: %v", m.Settled(), behind)
	}
}

// What is done elsewhere all the time does not keep a failure from being judged, and tried again.
func TestAFailureBesideANamespaceThatIsNeverQuiet(t *testing.T) {
	m := newMachine(t, "", "good/box/a\nevil/box/b", "good=name:good", "evil=name:evil")
	m.kernel.refuses[parseID("good/box/a")] = errors.New("no")
	for range 200 {
		m.markAll(m.domain("evil"))
		m.step(10 * time.Millisecond)
		asked := m.asked
		m.asked = nil
		for _, r := range asked {
			m.Done(m.result(r))
		}
	}
	if v := m.verdictOf[parseID("good/box/a")]; v.State != Failed {
		t.Errorf("it is %v", v)
	}
}

// What others have put onto something that leaves the files counts, be it in a place of which nobody wanted anything until
// then.
func TestAnEndLooksAtWhatDidNotMatter(t *testing.T) {
	m := newMachine(t, "", "host/box/a")
	m.answer()
	theirs := &toy{id: parseID("host/note/theirs"), needs: []spec.ID{parseID("host/box/a")}}
	m.kernel.things[theirs.id] = theirs
	m.Notify([]observe.Notification{{NS: spec.Host, Topic: observe.RouteTopic}})
	m.answer()
	d := wants("")
	d.Namespaces = map[string]spec.Namespace{}
	m.WantTemplates(d, true)
	m.answer()
	m.want("what stays", "host/box/a failed linkd does not delete it, because that would delete resources that it did not make: host/note/theirs\n")
	if m.kernel.things[parseID("host/note/theirs")] == nil {
		t.Error("what others made went with it")
	}
}

// What could not be made is not there, though nobody has judged that yet: what needs it is not tried while another namespace,
// which it reaches into, is being looked at.
func TestWhatNeedsASetback(t *testing.T) {
	const note, files = "net/note/n needs=net/box/a", "net/box/a frame=2 within=other\nnet/note/n needs=net/box/a"
	m := newMachine(t, "net/box/a frame=1 mark\n"+note, files, "net=name:net", "other=name:other")
	ops := m.opsOf()
	m.kernel.end(parseID("net/box/a"))
	m.Done(&Result{Request: ops, Errs: []error{unix.ENODEV}})
	m.Notify([]observe.Notification{{NS: "net", Topic: observe.RouteTopic}})
	for range 100 {
		m.step(10 * time.Millisecond)
		asked := m.asked
		m.asked = nil
		for _, r := range asked {
			if r.NS == "other" {
				m.asked = append(m.asked, r)
				continue
			}
			for _, job := range r.Ops {
				if job.ID() == parseID("net/note/n") {
					t.Errorf("asked for %s, without what it needs", job.Op)
				}
			}
			m.Done(m.result(r))
		}
	}
	m.answer()
	m.want("in the end", "net/box/a ok\nnet/note/n ok\n")
}

// An op fails because of something that a slow namespace has, and is judged before that is gone. Nobody is told of a failure
// that the end of it is about to mend.
func TestAFailureThatASlowNamespaceMends(t *testing.T) {
	a, inTheWay := parseID("net/box/a"), parseID("other/box/b")
	m := newMachine(t, "other/box/b mark", a.String(), "net=name:net", "other=name:other")
	m.kernel.refuses[a] = errors.New("other/box/b is in the way")
	const slow = 50
	for i := range 3 * slow {
		m.step(10 * time.Millisecond)
		asked := m.asked
		m.asked = nil
		for _, r := range asked {
			if r.NS == inTheWay.NS && r.Ops != nil && i < slow {
				m.asked = append(m.asked, r)
				continue
			}
			m.Done(m.result(r))
			if m.kernel.things[inTheWay] == nil {
				delete(m.kernel.refuses, a)
			}
			m.step(0)
			if v := m.verdictOf[a]; m.Quiet() && v.State != OK {
				t.Errorf("in step %d all is said to be done, and %s is %v", i, a, v)
			}
		}
	}
	m.want("in the end", "net/box/a ok\n")
}
