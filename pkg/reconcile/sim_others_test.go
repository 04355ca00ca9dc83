package reconcile

import (
	"fmt"
	"time"

	"linkd/pkg/spec"
)

// step does one thing, drawn from a seed.
func (s *sim) step(seed uint64) {
	s.rng = newSimRand(seed)
	s.steps++
	defer func() {
		if crash := recover(); crash != nil {
			if _, is := crash.(simCrash); !is {
				panic(crash)
			}
			s.crashes++
			s.tell("linkd is killed, and started again")
			killed := s.writer
			s.restart()
			s.adopt(killed)
			s.confuse(killed)
		}
	}()
	free := s.free()
	s.core.Now = s.now
	switch n := s.rng.IntN(1000); {
	case n < 250 && len(free) > 0:
		s.progress(free[s.rng.IntN(len(free))])
	case n < 600 && len(free) > 0:
		for range 1 + s.rng.IntN(12) {
			if free = s.free(); len(free) > 0 {
				f := free[s.rng.IntN(len(free))]
				for !f.over {
					s.advance(f)
				}
				s.deliver(f)
				s.begin()
			}
		}
	case n < 700:
		s.hear()
	case n < 800:
		s.others()
	case n < 835:
		s.files()
	case n < 920:
		s.wait()
	case n < 940:
		s.turnOver()
	case n < 945:
		s.core.LookAtSilent()
	case n < 960:
		s.refuse()
	case n < 980:
		for _, f := range s.flights {
			f.hung = false
		}
	case n < 995:
		s.core.LookAtAll()
	default:
		panic(simCrash{})
	}
	s.begin()
}

// adopt takes what a file told linkd to take over for linkd's, whatever came of that: it has written that to its journal.
func (s *sim) adopt(w *simWrite) {
	if w == nil || w.op.Want == nil {
		return
	}
	want := w.op.Want.(*simPiece)
	e, remembered := s.core.journal.Recall(want.id)
	o := s.find(want.id)
	if want.adopt && want.origin == (spec.ID{}) && o != nil && w.seen[simSight{o, o.space.id}] && remembered && e.Print == "" {
		o.foreign, o.known = false, o.at()
	}
}

// confuse takes what stood where linkd was killed as it was about to make something for linkd's: it had written that to its
// journal, and nothing tells it apart any more.
func (s *sim) confuse(killed *simWrite) {
	if killed == nil || killed.op.Verb != Create && killed.op.Verb != Replace {
		return
	}
	want := killed.op.Want.(*simPiece)
	for _, id := range []spec.ID{want.id, want.peer} {
		e, remembered := s.core.journal.Recall(id)
		if o := s.find(id); o != nil && remembered && !e.Set && e.Print == "" {
			o.foreign = false
		}
	}
}

// progress does one step of a request, or delivers its result, or has it hang.
func (s *sim) progress(f *simFlight) {
	switch {
	case s.rng.IntN(60) == 0:
		f.hung = true
		s.tell("%s hangs", f)
	case f.over:
		s.deliver(f)
	case f.r.Ops != nil && len(f.out.Errs) > 0 && s.rng.IntN(20) == 0:
		// Its turn is over.
		f.over = true
	default:
		s.advance(f)
	}
}

// wait lets time pass: until linkd is to be woken, or any time.
func (s *sim) wait() {
	pause := time.Duration(s.rng.Int64N(int64(time.Millisecond) << s.rng.IntN(16)))
	if next := s.core.NextWake(); !next.IsZero() && s.rng.IntN(3) > 0 && next.After(s.now) {
		pause = next.Sub(s.now)
	}
	s.now = s.now.Add(pause)
}

// refuse has the kernel refuse changes of something, or not any more.
func (s *sim) refuse() {
	all := s.wants.Resources.All()
	if len(all) == 0 {
		return
	}
	id := all[s.rng.IntN(len(all))].ID()
	s.refused[id] = !s.refused[id]
	s.tell("the kernel refuses changes of %s: %t", id, s.refused[id])
}

// turnOver ends a namespace, or makes one.
func (s *sim) turnOver() {
	name := []string{"lab", "pod", "made", "twin"}[s.rng.IntN(4)]
	now := s.names[name]
	if now != nil && name == "twin" {
		s.tell("twin is no name any more")
		_, named := s.wants.Namespaces["lab"]
		now.unnamed = now.unnamed || !named || s.names["lab"] != now
		s.rename(name, nil)
		return
	}
	if now != nil && name != "made" {
		s.tell("%s ends", now.id)
		s.endSpace(now)
	}
	switch {
	case name == "made" && now == nil && s.names[spec.Host].get("space", "made") == nil:
		o := s.make(s.names[spec.Host], "space", "made")
		o.made = s.newSpace("made", true)
		s.rename(name, o.made)
		s.tell("others make %s", o.made.id)
	case name == "made" && now != nil:
		if o := s.names[spec.Host].get("space", "made"); o != nil && !s.fresh(o) {
			s.tell("others end %s", now.id)
			s.end(o)
		}
	case name == "twin":
		if lab := s.names["lab"]; lab != nil {
			s.tell("twin is another name of %s", lab.id)
			s.rename(name, lab)
		}
	case name == "lab" || name != "made" && s.rng.IntN(3) > 0:
		space := s.newSpace(name, true)
		s.rename(name, space)
		s.tell("%s is another namespace, %s", name, space.id)
	}
}

// others change something.
func (s *sim) others() {
	var alive []*simSpace
	for _, space := range s.spaces {
		if !space.dead {
			alive = append(alive, space)
		}
	}
	space := alive[s.rng.IntN(len(alive))]
	value := fmt.Sprint("f", 1+s.rng.IntN(3))
	var o *simObject
	if len(space.objects) > 0 {
		o = space.objects[s.rng.IntN(len(space.objects))]
	}
	switch s.rng.IntN(9) {
	case 0, 1:
		s.strange(space, value)
	case 2, 3:
		if o != nil && o.kind != "space" {
			s.tell("others set %s to %s", o, value)
			o.value = value
			s.announce(space, o.kind, o.index)
		}
	case 4, 5:
		if o != nil && !o.card && !s.fresh(o) {
			s.tell("others end %s", o)
			s.end(o)
		}
	case 6:
		s.knobs(space, o, value)
	case 7:
		s.disguise(space, o)
	case 8:
		to := alive[s.rng.IntN(len(alive))]
		if o != nil && o.mark != "" && !to.foreign {
			// Who can put something into a namespace of linkd's own is root there, and would give linkd what carries its mark.
			return
		}
		if o != nil && o.foreign && o.kind == "box" && to.get("box", o.key) == nil && !s.isUnclear(to, "box", o.key) {
			s.tell("others move %s to %s", o, to.id)
			s.move(o, to, o.key)
		}
	}
}

// fresh tells whether linkd has made something and not seen it yet. Until then it cannot tell it from another in its place.
func (s *sim) fresh(o *simObject) bool {
	for _, name := range s.called(o.space) {
		e, remembered := s.core.journal.Recall(spec.ID{NS: name, Kind: o.kind, Key: o.key})
		if remembered && !e.Set && e.Print == "" {
			return true
		}
	}
	return false
}

// strange makes something of others' own, under a name that linkd may want, and with its mark maybe.
func (s *sim) strange(space *simSpace, value string) {
	kind := []string{"box", "note", "rule"}[s.rng.IntN(3)]
	key := []string{"a", "b", "c", "p", "q", "eth", "m", "n", "r", "x"}[s.rng.IntN(10)]
	if space.get(kind, key) != nil || s.isUnclear(space, kind, key) {
		return
	}
	var boxes []*simObject
	for _, o := range space.objects {
		if o.kind == "box" {
			boxes = append(boxes, o)
		}
	}
	if kind == "note" && len(boxes) == 0 {
		return
	}
	var on *simObject
	if kind == "note" || kind == "box" && len(boxes) > 0 && s.rng.IntN(2) == 0 {
		on = boxes[s.rng.IntN(len(boxes))]
	}
	o := s.make(space, kind, key)
	o.value, o.resourcesOn = value, on
	if space.foreign && s.rng.IntN(3) == 0 {
		switch {
		case kind != "box" || s.rng.IntN(2) == 0:
			o.mark = "host/box/a"
		default:
			o.claim = "host/box/card"
		}
	}
	s.tell("others make %s, on %v, mark %q, claim %q", o, on, o.mark, o.claim)
}

func (s *sim) knobs(space *simSpace, o *simObject, value string) {
	if o != nil && o.kind == "box" && s.rng.IntN(2) == 0 {
		s.tell("others set the knob of %s to %s", o, value)
		o.knob = value
	} else {
		s.tell("others set the knob of %s to %s", space.id, value)
		space.knob = value
	}
	if s.rng.IntN(3) > 0 {
		s.announce(space, "knob", 0)
	}
}

// disguise takes linkd's mark from something, or gives it another name, or both.
func (s *sim) disguise(space *simSpace, o *simObject) {
	if o == nil || o.kind == "space" || o.kind == "note" || s.fresh(o) {
		return
	}
	which := s.rng.IntN(3)
	if which != 0 && o.kind == "box" {
		key := fmt.Sprint([]string{"a", "b", "p", "x", "y"}[s.rng.IntN(5)])
		if space.get("box", key) == nil && !s.isUnclear(space, "box", key) {
			s.tell("others call %s %s", o, key)
			// A setting belongs to the name.
			o.key, o.knob = key, "f1"
		}
	}
	if which != 1 {
		s.tell("others take the mark from %s", o)
		o.mark = ""
	}
	if !o.foreign && o.isLost() {
		for _, end := range []*simObject{o, o.peer} {
			if end != nil {
				end.foreign, end.value, end.knob = true, "f1", "f1"
			}
		}
	}
	s.announce(space, o.kind, o.index)
}
