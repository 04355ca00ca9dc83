package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Fatalf has Core.check record what it finds.
func (s *sim) Fatalf(format string, args ...any) { s.violate(format, args...) }

// finish checks a run at its end: nobody else changes anything any more, and nothing fails.
func (s *sim) finish() {
	s.tell("nobody else changes anything any more")
	s.steady = true
	clear(s.refused)
	s.hang()
	for _, f := range s.flights {
		f.hung = false
	}
	s.rest()
	s.compareAnew()
	s.tearDown()
}

// hang checks that what hangs delays nothing elsewhere.
func (s *sim) hang() {
	stuck := map[string]bool{}
	for _, f := range s.flights {
		for _, l := range f.r.lanes {
			if f.hung {
				stuck[l.domain.name] = true
			}
		}
	}
	if len(stuck) == 0 {
		return
	}
	s.core.LookAtAll()
	s.begin()
	s.drain()
	s.now = s.now.Add(2 * patienceAnew)
	s.begin()
	s.drain()
	for _, f := range s.flights {
		if !f.hung {
			s.violate("%s is not done though it does not hang", f)
		}
	}
	for _, r := range s.core.Status(nil).Resources {
		id := parseID(r.ID)
		if r.Reason == "not looked at yet" && !s.waitsFor(id, stuck, map[spec.ID]bool{}) {
			s.violate("%s is not looked at, as %v hangs: %s", id, slices.Sorted(maps.Keys(stuck)), s.undone())
		}
	}
}

// waitsFor tells whether a resource depends on a namespace that hangs.
func (s *sim) waitsFor(id spec.ID, stuck map[string]bool, seen map[spec.ID]bool) bool {
	want := s.wants.Resources.Get(id)
	if stuck[id.NS] || want == nil || seen[id] {
		return stuck[id.NS]
	}
	seen[id] = true
	other := namespacesOf(want)
	if have := s.core.found.get(id); have != nil {
		// It is changed where it is now.
		other = append(other, namespacesOf(have)...)
	}
	if origin, fetched := fetchedFrom(want); fetched {
		for _, o := range s.objects() {
			if o.fetched == origin.String() {
				other = append(other, s.called(o.space)...)
			}
		}
	}
	if slices.ContainsFunc(other, func(ns string) bool { return stuck[ns] }) {
		return true
	}
	return slices.ContainsFunc(s.core.needs(want), func(need spec.ID) bool { return s.waitsFor(need, stuck, seen) })
}

// rest has everything come to rest, and be looked at once more.
func (s *sim) rest() {
	for range 2 {
		s.begin()
		s.drain()
		// Long enough for everything to be tried again, and for nothing to flap.
		s.now = s.now.Add(2 * flapWindow)
		s.core.Now = s.now
		s.core.LookAtAll()
	}
	s.begin()
	s.drain()
	if s.violation != "" {
		return
	}
	if !s.core.Quiet() {
		s.violate("something is still to be done: %s", s.undone())
	}
	s.core.check(s)
	for _, r := range s.core.Status(nil).Resources {
		if r.State != OK && r.Reason == "" || strings.Contains(r.Reason, "not looked at yet") {
			s.violate("%s is %s: %s", r.ID, r.State, r.Reason)
		}
	}
}

// undone is what the core has not done.
func (s *sim) undone() string {
	var undone []string
	p := &s.core.plan
	for l := range p.looks.all() {
		undone = append(undone, fmt.Sprintf("look at %s (programs: %t, pending %d)", l.domain.name, l.programs, len(l.pending)))
	}
	for _, id := range inOrder(p.tasks, spec.ID.Compare) {
		undone = append(undone, fmt.Sprintf("%s (state %d, waits for %d, lanes %d)", p.tasks[id].op, p.tasks[id].state, p.tasks[id].waits, len(p.tasks[id].lanes)))
	}
	for _, f := range s.flights {
		undone = append(undone, f.String())
	}
	return strings.Join(undone, "; ") + fmt.Sprint(" ", p.todo, p.prompt, p.free)
}

// compareAnew has a new core look at everything: it has nothing to do that there is no reason for.
func (s *sim) compareAnew() {
	if s.violation != "" {
		return
	}
	journal := s.disk.read()
	journal.readOnly = true
	if now := s.core.journal; !maps.Equal(journal.Entries(), now.Entries()) || !maps.Equal(journal.namespaces, now.namespaces) {
		s.violate("the journal on disk is not as the one in memory:\n%v\n%v", journal.Entries(), now.Entries())
		return
	}
	before, flights := s.core, s.flights
	s.core, s.flights = s.newCore(journal), nil
	s.core.plan.dryRun = true
	s.core.Want(s.wants, s.complete)
	// The old run goes on looking at a namespace that exists, though nothing of linkd's is left there, and may know where
	// something went.
	for _, name := range inOrder(before.desired.left, strings.Compare) {
		if _, declared := s.core.desired.declared[name]; !declared {
			s.core.desired.declared[name], s.core.desired.left[name] = before.desired.declared[name], true
			s.core.markAll(s.core.domain(name))
		}
	}
	s.begin()
	s.drain()
	update, plan := s.core, s.core.TakePlan()
	s.core, s.flights = before, flights
	if s.violation != "" {
		return
	}
	for _, op := range plan {
		if op.again && slices.ContainsFunc(before.needs(op.Want), func(need spec.ID) bool { return before.verdictOf[need].State != OK }) {
			// It is as right as what it would be made again with.
			continue
		}
		if v := before.verdictOf[op.ID()]; v.State == OK || v.State == "" && !op.onlyMarked {
			s.violate("a new run of linkd would do %s, and the status is %q", op, v)
		}
	}
	if len(plan) > 0 {
		return
	}
	now := before.Status(nil).Resources
	for i, r := range update.Status(nil).Resources {
		if i >= len(now) || r != now[i] {
			s.violate("a new run of linkd says %v, and this one %v", r, now[min(i, len(now)-1)])
		}
	}
}

// tearDown takes everything out of the files: the world is as before then.
func (s *sim) tearDown() {
	if s.violation != "" {
		return
	}
	for name := range s.wants.Namespaces {
		s.looked[name] = true
	}
	s.tell("others remove what stands on linkd's")
	for _, o := range s.objects() {
		switch {
		case o.gone || !o.foreign || o.fetched != "" && !s.whyNotReturn(o):
		case o.resourcesOn != nil && (!o.resourcesOn.foreign || o.resourcesOn.fetched != ""), !o.space.foreign && o.space != s.names[spec.Host] && !o.card:
			s.end(o)
		case !o.space.foreign && o.space != s.names[spec.Host]:
			s.move(o, s.names["lab"], fmt.Sprint("dev", o.index))
		}
	}
	s.rest()
	s.tell("the files ask for nothing")
	s.wants, s.complete = &spec.Desired{Namespaces: map[string]spec.Namespace{}, Resources: &spec.Set{}}, true
	s.core.Now = s.now
	s.core.Want(s.wants, true)
	s.rest()
	if s.violation != "" {
		return
	}
	var left []string
	for _, o := range s.objects() {
		switch {
		case o.space.unnamed:
		case o.fetched != "" && s.whyNotReturn(o):
		case !o.foreign:
			left = append(left, o.String())
		case o.fetched != "":
			left = append(left, fmt.Sprintf("%s, fetched from %s", o, o.fetched))
		case !o.taken && o.value != "" && o.value[0] == 'w', o.knob[0] == 'w':
			left = append(left, fmt.Sprintf("%s, value %s, knob %s", o, o.value, o.knob))
		}
	}
	for _, space := range s.spaces {
		if space.knob[0] == 'w' && !space.dead && !space.unnamed {
			left = append(left, fmt.Sprintf("the knob of %s: %s", space.id, space.knob))
		}
	}
	if len(left) > 0 {
		s.violate("linkd leaves behind: %s", strings.Join(left, "; "))
	}
}

// isNamed tells whether the last files named a namespace, and once: of two names of one both are refused.
func (s *sim) isNamed(space *simSpace) bool {
	names := slices.DeleteFunc(s.called(space), func(name string) bool { return !s.looked[name] })
	return len(names) == 1
}

// whyNotReturn tells whether there is nowhere to put back what was fetched, or others hid it where no file has linkd look.
func (s *sim) whyNotReturn(o *simObject) bool {
	if o.strayed && !s.isNamed(o.space) {
		return true
	}
	origin := parseID(o.fetched)
	e, remembered := s.core.journal.Recall(fetchedEntry(origin))
	space := s.names[origin.NS]
	return !remembered || space == nil || observe.Identity(e.Identity) != space.id || s.find(origin) != nil && s.find(origin) != o
}

func (s *sim) objects() (all []*simObject) {
	for _, space := range s.spaces {
		all = append(all, space.objects...)
	}
	return all
}
