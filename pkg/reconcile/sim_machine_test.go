package reconcile

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// sim is a core, the worker's steps, and a simulated kernel, on one goroutine and with a clock of its own. Each step draws
// what it does from a seed of its own, so the others stay what they are when it is left out.
type sim struct {
	*simWorld
	core    *Core
	worker  *Worker
	disk    *simDisk
	rng     *rand.Rand
	now     time.Time
	flights []*simFlight
	wants   *spec.Desired
	// looked are the namespaces that the last files named before they asked for nothing.
	looked map[string]bool
	// complete: all files could be read.
	complete bool
	// steady: nothing fails, hangs or crashes, and nobody else changes anything.
	steady bool
	// refused are the resources of which the kernel refuses every change.
	refused map[spec.ID]bool
	// story is what happened, where somebody wants to read it.
	story     []string
	listening bool
	// steps and crashes count what happened.
	steps, crashes int
}

// simCrash is the panic that ends a run of linkd: at any line of its journal, and before, within and after any op.
type simCrash struct{}

func newSim(listening bool) *sim {
	s := &sim{
		simWorld: newSimWorld(), now: time.Unix(1e9, 0), refused: map[spec.ID]bool{}, looked: map[string]bool{spec.Host: true}, listening: listening, complete: true,
		wants: &spec.Desired{Namespaces: map[string]spec.Namespace{}, Resources: &spec.Set{}},
	}
	s.disk = &simDisk{sim: s}
	s.restart()
	return s
}

func (s *sim) tell(format string, args ...any) {
	if s.listening {
		s.story = append(s.story, fmt.Sprintf("%4d %8.3fs  ", s.steps, s.now.Sub(time.Unix(1e9, 0)).Seconds())+fmt.Sprintf(format, args...))
	}
}

// restart begins a new run of linkd with the journal of the last one.
func (s *sim) restart() {
	defer func(steady bool) { s.steady = steady }(s.steady)
	s.steady = true
	s.writer, s.flights, s.news = nil, nil, nil
	journal := s.disk.read()
	journal.storage = s.disk
	journal.broken = journal.compact()
	s.core = s.newCore(journal)
	s.worker = &Worker{Journal: journal, Progress: func() {}}
	s.core.Want(s.wants, s.complete)
	s.begin()
}

func (s *sim) newCore(journal *Journal) *Core {
	c := NewCore(s.kinds(), journal, slog.New(slog.DiscardHandler))
	c.plan.patience, c.Now = patienceWithLooks, s.now
	return c
}

// breakPoint is where linkd may be killed.
func (s *sim) breakPoint() {
	if !s.steady && s.rng.IntN(200) == 0 {
		panic(simCrash{})
	}
}

// call does what an op asks of the kernel, or not.
func (s *sim) call(change func() error) error {
	s.writes++
	if s.steady {
		return change()
	}
	if s.refused[s.writer.op.ID()] {
		return s.unless(unix.EBUSY, change)
	}
	s.breakPoint()
	if s.rng.IntN(20) == 0 {
		writer := s.writer
		s.writer = nil
		s.others()
		s.writer = writer
	}
	switch s.rng.IntN(40) {
	case 0:
		s.tell("  it fails")
		return s.unless(unix.EIO, change)
	case 1:
		s.tell("  it takes effect, and reports a failure")
		if err := change(); err != nil {
			return err
		}
		return unix.EIO
	}
	err := change()
	s.breakPoint()
	return err
}

// unless is an error with which a change fails. Whatever else is wrong, the kernel says first that a place is taken.
func (s *sim) unless(err error, change func() error) error {
	if op := s.writer.op; op.Verb == Create && s.isTaken(op.Want.(*simPiece)) {
		return change()
	}
	return err
}

func (w *simWorld) isTaken(want *simPiece) bool {
	return !want.second && (w.find(want.id) != nil || want.peer != (spec.ID{}) && w.find(want.peer) != nil)
}

// begin takes in what the core asks for now.
func (s *sim) begin() {
	s.core.Now = s.now
	passes := s.core.Counters.Passes
	requests := s.core.Requests()
	if n := s.core.Counters.Passes - passes; n > 100 || len(requests) > 100 {
		s.violate("one input led to %d comparisons and %d requests", n, len(requests))
	}
	s.core.EndPass()
	for _, r := range requests {
		f := &simFlight{r: r, out: &Result{Request: r, failed: map[string]error{}}, open: newSimSession(s)}
		if r.Ops != nil {
			f.seen = s.seen()
		}
		for _, other := range s.flights {
			if slices.ContainsFunc(r.lanes, func(l *lane) bool { return slices.Contains(other.r.lanes, l) }) {
				s.violate("requests %d and %d concern the same lane", r.ID, other.r.ID)
			}
		}
		s.tell("linkd asks for %s", f)
		s.flights = append(s.flights, f)
	}
}

// seen are the objects that the core knows of as others', and where. What was linkd's when it was found, or was elsewhere, may
// be another's there by now: nobody can know that before the next look.
func (s *sim) seen() map[simSight]bool {
	seen := map[simSight]bool{}
	for _, kinds := range s.core.found.observed {
		for _, found := range kinds {
			for _, r := range found.all() {
				if p := r.(*simPiece); p.object != nil && p.foreign {
					seen[simSight{p.object, p.space}] = true
				}
			}
		}
	}
	return seen
}

// deliver gives the core the result of a request.
func (s *sim) deliver(f *simFlight) {
	s.flights = slices.DeleteFunc(s.flights, func(other *simFlight) bool { return other == f })
	s.tell("the result of %s: %s", f, f.result())
	for _, seen := range f.out.observations {
		maps.DeleteFunc(s.unclear, func(id spec.ID, _ bool) bool {
			return scopeOf(id) == seen.scope && (seen.links == nil || seen.links.names[id.Key])
		})
	}
	s.core.Now = s.now
	s.core.Done(f.out)
	s.core.checkLosses(s)
}

// simDisk keeps the journal, and nothing else outlives a crash.
type simDisk struct {
	sim  *sim
	text []byte
}

func (d *simDisk) replace(text []byte) (io.WriteCloser, error) {
	d.sim.breakPoint()
	d.text = bytes.Clone(text)
	return d, nil
}

func (d *simDisk) Write(line []byte) (int, error) {
	d.sim.breakPoint()
	if !d.sim.steady && d.sim.rng.IntN(400) == 0 {
		d.text = append(d.text, line[:len(line)/2]...)
		panic(simCrash{})
	}
	d.text = append(d.text, line...)
	d.sim.breakPoint()
	return len(line), nil
}

func (d *simDisk) Close() error { return nil }

// read is the journal as the next run of linkd reads it.
func (d *simDisk) read() *Journal {
	j := newJournal("")
	j.boot, j.Lost, j.Fresh = "sim", true, d.text == nil
	if damaged := j.readEntries(d.text); damaged > 0 {
		d.sim.violate("%d lines of the journal are damaged", damaged)
	}
	return j
}

// simSession opens namespaces as a session does.
type simSession struct {
	*sim
	opened map[string]*observe.NS
	failed map[string]error
}

func newSimSession(s *sim) *simSession {
	return &simSession{s, map[string]*observe.NS{}, map[string]error{}}
}

func (s *simSession) Open(name string) (*observe.NS, error) {
	if s.opened[name] == nil && s.failed[name] == nil {
		if space := s.names[name]; space == nil {
			s.failed[name] = observe.Pendingf("%s is not there", name)
		} else {
			s.opened[name] = &observe.NS{Name: name, Identity: space.id}
		}
	}
	return s.opened[name], s.failed[name]
}

func (s *simSession) Retry(name string) {
	delete(s.opened, name)
	delete(s.failed, name)
}

func (f *simFlight) String() string {
	var what []string
	for _, s := range f.r.Look {
		text := s.Kind.Name
		if !s.covers.all {
			text += fmt.Sprint(s.covers.names, s.covers.indexes, s.covers.ids)
		}
		what = append(what, text)
	}
	for _, job := range f.r.Ops {
		what = append(what, job.Op.String())
	}
	return fmt.Sprintf("#%d %s: %s", f.r.ID, f.r.NS, strings.Join(what, "; "))
}
