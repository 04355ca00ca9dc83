package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// machine is a core alone, with nobody who carries out its requests: a test answers them.
type machine struct {
	*testing.T
	*Core
	kernel *kernel
	// at is which namespace each name leads to, "" where there is none.
	at map[string]observe.Identity
	// asked are the requests that were not answered yet.
	asked []*Request
}

func newMachine(t *testing.T, have, want string, selectors ...string) *machine {
	m := &machine{T: t, kernel: newKernel(have), at: map[string]observe.Identity{spec.Host: "host"}}
	m.Core = NewCore(m.kernel.kinds(), remembers(""), slog.New(slog.DiscardHandler))
	m.plan.patience = 25 * time.Millisecond
	m.Now = time.Unix(1e9, 0)
	desired := wants(want)
	desired.Namespaces = map[string]spec.Namespace{}
	for _, text := range selectors {
		name, selector, _ := strings.Cut(text, "=")
		s, err := spec.ParseSelector(selector)
		must(t, err)
		desired.Namespaces[name] = spec.Namespace{Name: name, Selector: s}
		m.at[name] = observe.Identity(name)
	}
	m.Want(desired, true)
	return m
}

// step lets time pass and takes in what is asked for.
func (m *machine) step(after time.Duration) {
	m.Now = m.Now.Add(after)
	m.asked = append(m.asked, m.Requests()...)
}

// answer answers all that is asked of namespaces but those, again and again, until nothing else is.
func (m *machine) answer(but ...string) {
	m.step(0)
	for {
		i := slices.IndexFunc(m.asked, func(r *Request) bool { return !slices.Contains(but, r.NS) })
		if i < 0 {
			m.check(m)
			return
		}
		r := m.asked[i]
		m.asked = slices.Delete(m.asked, i, i+1)
		m.Done(m.result(r))
		m.step(0)
	}
}

// result is what comes of a request.
func (m *machine) result(r *Request) *Result {
	out := &Result{Request: r}
	if m.at[r.NS] == "" {
		out.Err = observe.Pendingf("%s is not there", r.NS)
		return out
	}
	out.Location.Identity = m.at[r.NS]
	for _, s := range r.Look {
		seen := observation{scope: scope{r.NS, s.Kind.Name}}
		for id, t := range m.kernel.things {
			if id.NS == r.NS && id.Kind == s.Kind.Name {
				seen.found = append(seen.found, t)
			}
		}
		out.observations = append(out.observations, seen)
	}
	for _, job := range r.Ops {
		out.Errs = append(out.Errs, m.kernel.carryOut(job.Op, nil))
	}
	if a := r.Announce; a != nil {
		out.Err = a.Kind.announce(context.Background(), nil, a.Have)
	}
	return out
}

// stands is how each resource stands, a line each.
func (m *machine) stands() string {
	var b strings.Builder
	for _, r := range m.Status(nil).Resources {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprint(r.ID, " ", r.State, " ", r.Reason)))
	}
	return b.String()
}

func (m *machine) want(what, want string) {
	m.Helper()
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), m.stands()); d != "" {
		m.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// FAULTS 35: a namespace that does not answer holds up what is in it, and nothing else.
func TestANamespaceThatDoesNotAnswerDelaysNoOther(t *testing.T) {
	m := newMachine(t, "", "good/box/a\nevil/box/b\nhost/box/c", "good=name:good", "evil=name:evil")
	m.answer("evil")
	m.step(m.plan.patience)
	m.answer("evil")
	m.want("while it does not answer", `
evil/box/b pending not looked at yet
good/box/a ok
host/box/c ok
`)
	if m.Settled() || m.Quiet() {
		t.Error("it is said to be done")
	}
	m.step(behindTime)
	if behind := m.Behind(); len(behind) != 1 || behind[0].NS != "evil" || !m.Settled() {
		t.Errorf("behind are %v", behind)
	}
	if s := m.Status(nil); s.State == Converged || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "evil") {
		t.Errorf("the status is %s, %v", s.State, s.Warnings)
	}

	// What drifts elsewhere is repaired meanwhile.
	must(t, m.kernel.delete(parseID("good/box/a")))
	m.Notify([]observe.Notification{{NS: "good", Topic: observe.LinkTopic}})
	m.answer("evil")
	if m.kernel.things[parseID("good/box/a")] == nil {
		t.Error("a drift in another namespace was not repaired")
	}

	// Once it answers, all is well.
	m.answer()
	m.want("when it answers", "evil/box/b ok\ngood/box/a ok\nhost/box/c ok\n")
	if !m.Quiet() {
		t.Error("something is still to be done")
	}
}

// Any number of namespaces that do not answer hold up no other.
func TestManyThatDoNotAnswer(t *testing.T) {
	var wanted, selectors, evil []string
	for i := range 40 {
		name := fmt.Sprintf("evil%d", i)
		evil = append(evil, name)
		wanted = append(wanted, name+"/box/b")
		selectors = append(selectors, name+"=name:"+name)
	}
	wanted, selectors = append(wanted, "good/box/a"), append(selectors, "good=name:good")
	m := newMachine(t, "", strings.Join(wanted, "\n"), selectors...)
	for range 2 * len(evil) {
		m.answer(evil...)
		m.step(m.plan.patience)
		if m.kernel.things[parseID("good/box/a")] != nil {
			return
		}
	}
	t.Errorf("it is not made; %d requests are not answered", len(m.asked))
}

// Each of two names of one namespace would undo what the other asks for, however late they come to be that.
func TestTwoNamesOfOneNamespaceAreRefused(t *testing.T) {
	const refused = "failed lab and other are the same namespace: declare it once"
	m := newMachine(t, "", "lab/box/a\nother/box/b", "lab=name:lab", "other=path:/other")
	m.at["other"] = ""
	m.answer()
	m.want("while the other is not there", "lab/box/a ok\nother/box/b pending other is not there\n")
	m.at["other"] = "lab"
	for range 3 {
		m.Notify([]observe.Notification{{NS: "other", Topic: observe.NamespaceTopic}})
		m.answer()
		m.want("when it is the same", "lab/box/a "+refused+"\nother/box/b "+refused+"\n")
		// To try it again changes nothing.
		m.step(lastRetry)
		m.answer()
		m.want("when it is tried again", "lab/box/a "+refused+"\nother/box/b "+refused+"\n")
	}
	m.at["other"] = "another"
	m.Notify([]observe.Notification{{NS: "other", Topic: observe.NamespaceTopic}})
	m.answer()
	m.want("when it is another", "lab/box/a ok\nother/box/b ok\n")
}

// A process can enter a namespace that another name stands for: that one goes on.
func TestAProcessYieldsItsNamespace(t *testing.T) {
	for _, process := range []string{"ape", "zoo"} {
		m := newMachine(t, "", "lab/box/a\n"+process+"/box/b", "lab=name:lab", process+"=pid:7")
		m.at[process] = "lab"
		m.answer()
		got := strings.Split(strings.TrimSpace(m.stands()), "\n")
		slices.SortFunc(got, func(a, b string) int { return strings.Compare(b[len(b)-2:], a[len(a)-2:]) })
		if !slices.Contains(got, "lab/box/a ok") || !strings.Contains(strings.Join(got, "\n"), process+"/box/b failed") {
			t.Errorf("%s: %v", process, got)
		}
	}
}

// What was asked of a namespace says nothing of the one that has taken its place.
func TestAnAnswerOfAnEarlierNamespace(t *testing.T) {
	m := newMachine(t, "", "lab/box/a", "lab=name:lab")
	m.answer()
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.LinkTopic}})
	m.step(0)
	stale := m.asked
	m.asked = nil
	early := m.result(stale[0])
	// It is made anew before the answer comes, and empty.
	m.at["lab"] = "lab-2"
	maps.DeleteFunc(m.kernel.things, func(id spec.ID, _ *toy) bool { return id.NS == "lab" })
	m.Done(early)
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.NamespaceTopic}})
	m.answer()
	m.want("in the new one", "lab/box/a ok\n")
	if m.kernel.things[parseID("lab/box/a")] == nil {
		t.Error("it is not there")
	}
}

// What has failed has failed until it is known that it has not: while it is tried again, and until somebody has looked at
// what came of that.
func TestWhatHasFailedWhileItIsTriedAgain(t *testing.T) {
	m := newMachine(t, "", "host/box/a\nhost/box/b needs=host/box/a")
	var states []string
	m.OnEvents = func(events []Event) {
		for _, ev := range events {
			if ev.Event == Transition {
				states = append(states, ev.ID+" "+ev.State)
			}
		}
	}
	m.kernel.refuses[parseID("host/box/a")] = errors.New("no")
	const failed = "host/box/a failed no\nhost/box/b blocked blocked by host/box/a: no\n"
	m.answer()
	m.EndPass()
	m.want("at first", failed)
	tries := 0
	for range 100 {
		m.step(10 * time.Millisecond)
		for len(m.asked) > 0 {
			r := m.asked[0]
			m.asked = m.asked[1:]
			if r.Ops != nil {
				tries++
			}
			m.EndPass()
			m.want("before an answer", failed)
			m.Done(m.result(r))
			m.EndPass()
			m.want("after an answer", failed)
			m.step(0)
		}
	}
	if tries < 3 {
		t.Errorf("it was tried %d times", tries)
	}
	delete(m.kernel.refuses, parseID("host/box/a"))
	m.step(lastRetry)
	m.answer()
	m.EndPass()
	m.want("in the end", "host/box/a ok\nhost/box/b ok\n")
	shown := []string{"host/box/a failed", "host/box/b blocked", "host/box/a ok", "host/box/b ok"}
	if d := cmp.Diff(shown, states); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
}

// check finds what is forgotten while nothing is being done: a lane that nobody looks at, a task that nobody does.
func (c *Core) check(t interface{ Fatalf(string, ...any) }) {
	if len(c.plan.tasks)+len(c.plan.requests) > 0 {
		return
	}
	for name, d := range c.domains {
		for i, l := range d.lanes {
			unseen := len(l.dirty) > 0 && !l.queued && !c.plan.resting[l] && !(l.programs && d.location.Identity == "")
			if len(l.pending) > 0 || len(l.blocked) > 0 || l.request != nil || unseen || !l.waiting.empty() && len(l.dirty) == 0 {
				t.Fatalf("%s, lane %d: dirty %v, waiting %v, queued %v, pending %d, blocked %d", name, i, l.dirty, l.waiting, l.queued, len(l.pending), len(l.blocked))
			}
		}
	}
	prompt := 0
	for l := range c.plan.looks.all() {
		if !l.late {
			prompt++
		}
	}
	if full := (slots{mostPrompt, mostLate}); prompt != c.plan.prompt || c.plan.free != [2]slots{full, full} {
		t.Fatalf("%d prompt looks are taken for %d; free %v", prompt, c.plan.prompt, c.plan.free)
	}
	c.checkLosses(t)
}

// checkLosses checks that the core knows which resources depend on which, as in an index made anew of everything observed.
func (c *Core) checkLosses(t interface{ Fatalf(string, ...any) }) {
	anew := lossesOf(c.found.observed, c.kinds.byName).bases
	if kept := c.found.losses.bases; !maps.EqualFunc(anew, kept, slices.Equal[[]spec.ID]) {
		t.Fatalf("the core has these dependencies: %v; those observed are: %v", kept, anew)
	}
}
