package reconcile

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func (t *toy) carries() Readiness {
	switch t.carrier {
	case "none":
		return NotReady
	case "soon":
		return ReadySoon
	}
	return Ready
}

func (k boxKind) Readiness(want, have *toy) Readiness {
	k.asked++
	if want.reached == nil {
		return Never
	}
	return have.carries()
}

func (k boxKind) Announce(_ context.Context, _ *observe.NS, have []*toy) error {
	for _, t := range have {
		k.announced = append(k.announced, t.id.String())
	}
	return nil
}

// FAULTS 40: what was made is announced once, as soon as it and what it is reached by are as wanted and ready.
func TestWhatWasMadeIsAnnounced(t *testing.T) {
	m := newMachine(t, "lab/box/other", "lab/box/a reached=host/box/p\nlab/box/other reached=host/box/p\nhost/box/p", "lab=name:lab")
	box, port := parseID("lab/box/a"), parseID("host/box/p")
	want := func(when string, announced ...string) {
		t.Helper()
		if !slices.Equal(m.kernel.announced, announced) {
			t.Errorf("%s: announced %q, want %q", when, m.kernel.announced, announced)
		}
		m.kernel.announced = nil
	}
	heard := func(ns string) {
		m.Notify([]observe.Notification{{NS: ns, Topic: observe.LinkTopic}})
		m.answer()
	}
	m.answer("host")
	m.step(time.Second)
	want("what it is reached by was not looked at")
	m.answer()
	want("all is as wanted; linkd did not make the other", "lab/box/a")
	heard("lab")
	want("nothing was moved")

	delete(m.kernel.things, box)
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.LinkTopic}})
	m.kernel.things[port].carrier = "none"
	heard("host")
	want("there is no carrier")
	if m.AwaitsMoment() {
		t.Error("waits for a carrier that may never come")
	}
	m.kernel.things[port].carrier = "soon"
	heard("host")
	want("there is hardly a carrier")
	if !m.AwaitsMoment() {
		t.Error("does not wait for a carrier that has come")
	}
	m.kernel.things[port].carrier = ""
	m.LookAtAwaited()
	m.answer()
	want("there is a carrier", "lab/box/a")

	delete(m.kernel.things, port)
	heard("host")
	want("what it is reached by was made anew", "lab/box/a")
}

// What cannot be announced is looked at again when what prevents it has changed, and not with every input.
func TestWhatCannotBeAnnouncedCostsNothing(t *testing.T) {
	const many = 100
	want, selectors := "", []string{}
	for i := range many {
		want += fmt.Sprintf("n%d/box/a reached=host/box/p\n", i)
		selectors = append(selectors, fmt.Sprintf("n%d=name:n%d", i, i))
	}
	m := newMachine(t, "host/box/p", want+"host/box/p", selectors...)
	m.kernel.things[parseID("host/box/p")].carrier = "none"
	m.answer()
	if m.kernel.asked < many {
		t.Fatalf("%d of %d were looked at", m.kernel.asked, many)
	}
	m.kernel.asked = 0
	for i := range many {
		m.Notify([]observe.Notification{{NS: fmt.Sprintf("n%d", i), Topic: observe.LinkTopic}})
		m.answer()
	}
	if m.kernel.asked > 4*many {
		t.Errorf("%d events led to %d questions whether something can be announced", many, m.kernel.asked)
	}
	m.kernel.things[parseID("host/box/p")].carrier = ""
	m.Notify([]observe.Notification{{NS: "host", Topic: observe.LinkTopic}})
	m.answer()
	if len(m.kernel.announced) != many {
		t.Errorf("announced %d of %d", len(m.kernel.announced), many)
	}
}

// FAULTS 45: what the kernel has given up is made again, after pauses that grow.
func TestWhatTheKernelGaveUpIsMadeAgain(t *testing.T) {
	m := newMachine(t, "", "lab/box/a", "lab=name:lab")
	box := parseID("lab/box/a")
	m.answer()
	giveUp := func() {
		m.kernel.things[box].ails, m.kernel.things[box].given = "duplicate", true
		m.kernel.writes = nil
		m.Notify([]observe.Notification{{NS: "lab", Topic: observe.LinkTopic}})
		m.answer()
	}
	m.kernel.tentative = map[spec.ID]bool{box: true}
	for pause := time.Second; pause <= 8*time.Second; pause *= 2 {
		giveUp()
		m.want("it is of no use", "lab/box/a failed duplicate\n")
		m.step(pause - time.Millisecond)
		m.answer()
		if len(m.kernel.writes) > 0 {
			t.Errorf("%q before %s were over", m.kernel.writes, pause)
		}
		m.step(time.Millisecond)
		m.answer()
		if !slices.Equal(m.kernel.writes, []string{"delete lab/box/a", "create lab/box/a"}) {
			t.Errorf("%q after %s", m.kernel.writes, pause)
		}
		m.want("nobody knows yet whether it is of use", "lab/box/a pending tentative\n")
	}
	m.kernel.tentative = nil
	m.Notify([]observe.Notification{{NS: "lab", Topic: observe.LinkTopic}})
	m.answer()
	m.want("it is of use", "lab/box/a ok\n")
	giveUp()
	m.step(firstRenewal)
	m.answer()
	m.want("the pauses begin anew", "lab/box/a ok\n")
}
