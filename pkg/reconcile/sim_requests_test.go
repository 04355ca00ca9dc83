package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// simFlight is a request under way. It is carried out step by step.
type simFlight struct {
	r    *Request
	out  *Result
	open *simSession
	// seen is what the core knew when it asked.
	seen map[simSight]bool
	// looked is how many scopes were looked at.
	looked int
	// hung: it makes no progress. over: it has its result.
	hung, over bool
}

func (f *simFlight) result() string {
	switch {
	case f.out.Err != nil:
		return f.out.Err.Error()
	case f.r.Ops != nil:
		return fmt.Sprint(f.out.Errs)
	case len(f.out.failed) > 0:
		return fmt.Sprint("seen, but for ", f.out.failed)
	}
	return fmt.Sprint("seen ", f.out.Location.Identity)
}

// advance does the next step of a request.
func (s *sim) advance(f *simFlight) {
	switch {
	case f.over:
	case f.r.Ops != nil:
		job := f.r.Ops[len(f.out.Errs)]
		s.tell("linkd does %s", job.Op)
		_, remembered := s.worker.Journal.Recall(job.ID())
		s.writer = &simWrite{job.Op, f.seen, remembered}
		if job.Verb == Create || job.Verb == Replace {
			s.unclear[job.ID()] = true
			for _, twin := range job.Twins {
				s.unclear[twin] = true
			}
		}
		s.worker.next(context.Background(), f.open, f.out)
		s.adopt(s.writer)
		if have, is := job.Have.(*simPiece); is && f.out.Errs[len(f.out.Errs)-1] == nil && have.object != nil {
			have.object.isReturned = ""
		}
		if err := f.out.Errs[len(f.out.Errs)-1]; errors.Is(err, unix.EEXIST) || err == errSkipped || err == errReplaced {
			delete(s.unclear, job.ID())
		}
		s.writer = nil
		f.over = len(f.out.Errs) == len(f.r.Ops)
	default:
		ns, err := f.open.Open(f.r.NS)
		if err != nil {
			f.out.Err, f.over = err, true
			return
		}
		f.out.Location = observe.Location{Path: "/" + string(ns.Identity), Identity: ns.Identity}
		s.look(f, ns, &f.r.Look[f.looked])
		f.looked++
		f.over = f.looked == len(f.r.Look)
	}
}

// look looks at a scope, as Scope.look does.
func (s *sim) look(f *simFlight, ns *observe.NS, look *Scope) {
	seen := observation{scope: scope{ns.Name, look.Kind.Name}}
	var err error
	if look.only != nil {
		if found, ok, err := look.Kind.find(ns, look.only); ok && err == nil {
			seen.found, seen.ids = found, look.covers.ids
			f.out.observations = append(f.out.observations, seen)
			return
		}
	}
	switch {
	case !s.steady && s.rng.IntN(30) == 0:
		err = unix.EIO
	case look.covers.all || !look.known || !look.Kind.isByLink() || s.at(ns.Identity) == nil:
		seen.found, err = look.Kind.Observe(context.Background(), ns, Query[spec.Resource]{Wanted: look.wanted})
	default:
		seen.links, seen.names = &look.covers, map[int]string{}
		for _, o := range s.at(ns.Identity).objects {
			if o.kind == look.Kind.Name && (look.covers.indexes[o.index] || look.covers.names[o.key]) {
				seen.found = append(seen.found, s.piece(ns.Name, o))
				seen.names[o.index] = o.key
			}
		}
	}
	if err != nil {
		f.out.failed[look.Kind.Name] = err
		return
	}
	f.out.observations = append(f.out.observations, seen)
}

// hear delivers some of the news: in another order, twice, or not at all.
func (s *sim) hear() {
	var heard []observe.Notification
	lost := s.rng.IntN(20) == 0
	for n := s.rng.IntN(len(s.news) + 1); n >= 0 && len(s.news) > 0; n-- {
		i := 0
		if s.rng.IntN(3) == 0 {
			i = s.rng.IntN(len(s.news))
		}
		heard = append(heard, s.news[i])
		if s.rng.IntN(10) > 0 {
			s.news = slices.Delete(s.news, i, i+1)
		}
	}
	switch {
	case !lost:
		s.tell("linkd hears %v", heard)
		s.core.Notify(heard)
	case s.rng.IntN(2) == 0:
		s.tell("news is lost, and linkd is told so")
		s.core.LookAtAll()
	default:
		s.tell("news is lost: %v", heard)
	}
}

// drain has everything done that is to be done, and delivers all results and news, until nothing is left. It ends where
// that takes longer than it ever should.
func (s *sim) drain() (rounds int) {
	const most = 3000
	for rounds = range most {
		s.core.Now = s.now
		switch {
		case len(s.free()) > 0:
			f := s.free()[0]
			for !f.over {
				s.advance(f)
			}
			s.deliver(f)
		case len(s.news) > 0:
			news := s.news
			s.news = nil
			s.tell("linkd hears %v", news)
			s.core.Notify(news)
		default:
			next := s.core.NextWake()
			if next.IsZero() || s.core.Quiet() || len(s.flights) > 0 && s.core.Settled() {
				return rounds
			}
			if next.After(s.now) {
				s.now = next
			}
		}
		s.begin()
		if s.violation != "" {
			return rounds
		}
	}
	s.violate("it does not come to rest: %s", s.undone())
	return rounds
}

// free are the requests that do not hang.
func (s *sim) free() []*simFlight {
	return slices.DeleteFunc(slices.Clone(s.flights), func(f *simFlight) bool { return f.hung })
}

// files draws what the files ask for.
func (s *sim) files() {
	d := &spec.Desired{Namespaces: map[string]spec.Namespace{}, Resources: &spec.Set{}}
	chance := 2 + s.rng.IntN(4)
	value := func() string { return fmt.Sprint("w", 1+s.rng.IntN(2)) }
	wants := func() bool { return s.rng.IntN(6) < chance }
	add := func(p *simPiece) bool {
		if !wants() {
			return false
		}
		if p.mark == "" && p.id.Kind != "note" && p.id.Kind != "knob" && p.origin == (spec.ID{}) && p.id.Kind != "space" {
			p.mark = p.id.String()
		}
		if p.frame == "" {
			p.frame = "x"
		}
		d.Resources.Add(p)
		return true
	}
	names := []string{spec.Host}
	if add(&simPiece{id: parseID("host/space/made"), makes: "made"}) {
		names = append(names, "made")
		d.Namespaces["made"] = spec.Namespace{Name: "made", Selector: spec.Selector{Scheme: "name", Value: "made"}}
	}
	for _, name := range []string{"lab", "pod", "twin"} {
		if s.rng.IntN(8) > 0 && (name != "twin" || s.rng.IntN(4) == 0) {
			names = append(names, name)
			d.Namespaces[name] = spec.Namespace{Name: name, Selector: spec.Selector{Scheme: "name", Value: name}}
		}
	}
	some := func() string { return names[s.rng.IntN(len(names))] }
	var boxes []spec.ID
	for _, key := range []string{"a", "b", "c", "d"} {
		p := &simPiece{id: spec.ID{NS: some(), Kind: "box", Key: key}, value: value(), frame: []string{"x", "x", "y"}[s.rng.IntN(3)]}
		switch {
		case len(boxes) > 0 && s.rng.IntN(2) == 0:
			p.resourcesOn = boxes[s.rng.IntN(len(boxes))]
		case s.rng.IntN(6) == 0:
			p.resourcesOn = parseID("host/box/theirs")
		}
		if add(p) {
			boxes = append(boxes, p.id)
		}
	}
	one, two := spec.ID{NS: spec.Host, Kind: "box", Key: "p"}, spec.ID{NS: some(), Kind: "box", Key: "q"}
	if add(&simPiece{id: one, peer: two, value: "w1"}) {
		d.Resources.Add(&simPiece{id: two, peer: one, second: true, value: value(), frame: "x", mark: one.String()})
		boxes = append(boxes, one, two)
	}
	card := &simPiece{id: spec.ID{NS: some(), Kind: "box", Key: "eth"}, origin: parseID("host/box/card"), value: value()}
	if add(card) {
		boxes = append(boxes, card.id)
	}
	add(&simPiece{id: parseID("host/box/nic"), origin: parseID("pod/box/nic"), value: value(), adopt: s.rng.IntN(8) == 0})
	add(&simPiece{id: parseID("host/box/found"), value: value(), adopt: s.rng.IntN(2) == 0})
	boxes = append(boxes, parseID("host/box/theirs"))
	for _, key := range []string{"m", "n", "o"} {
		on := boxes[s.rng.IntN(len(boxes))]
		add(&simPiece{id: spec.ID{NS: on.NS, Kind: "note", Key: key}, resourcesOn: on, value: value()})
	}
	for range 2 {
		on := boxes[s.rng.IntN(len(boxes))]
		add(&simPiece{id: spec.ID{NS: on.NS, Kind: "knob", Key: on.Key}, resourcesOn: on, value: value()})
		add(&simPiece{id: spec.ID{NS: some(), Kind: "knob", Key: "all"}, value: value()})
		add(&simPiece{id: spec.ID{NS: some(), Kind: "rule", Key: []string{"r", "s"}[s.rng.IntN(2)]}, value: value()})
	}
	s.wants, s.complete = d, s.rng.IntN(10) > 0
	for _, r := range d.Resources.All() {
		s.tell("  files: %s", r)
	}
	if s.rng.IntN(3) == 0 {
		s.tell("the templates stand for that (complete: %t)", s.complete)
		s.core.WantTemplates(d, s.complete)
		return
	}
	s.tell("the files ask for that (complete: %t)", s.complete)
	s.core.Want(d, s.complete)
}
