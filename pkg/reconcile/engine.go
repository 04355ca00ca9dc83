package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Engine owns the wanted state, the picture of what is there, and how each resource stands. One goroutine uses it.
type Engine struct {
	Counters Counters
	// Tell is given what has happened, in order, at the end of each pass at the latest. The slice is the engine's.
	Tell func([]Event)
	// Late is who caused what is heard of a place but was not told yet.
	Late func(ns string, t observe.Topic) observe.Cause
	// Progress is called whenever a step of a pass is done: a namespace has been looked at, or an op tried. Several
	// goroutines call it.
	Progress func()

	kinds   []Registered
	byName  map[string]*Registered
	rank    map[*Registered]int
	world   *observe.World
	journal *Journal
	log     *slog.Logger
	now     func() time.Time

	want     *spec.Set
	index    *index
	named    map[string]spec.Namespace // the namespaces that the files name
	declared map[string]spec.Namespace // and those in which something may be left
	partial  bool

	found    picture
	missing  map[string]error
	blind    map[scope]error
	seen     map[string]observe.Identity
	dirty    dirt
	stale    map[scope]bool // places that did not matter when there was news of them
	glanced  part           // what was looked at ahead of the next look
	verdicts map[spec.ID]Verdict
	trials   map[spec.ID]*trial
	reached  map[spec.ID]bool            // resources that have been as wanted since they were last declared
	news     map[newsPlace]observe.Cause // what was heard since the last pass, and who caused it
	feared   map[scope]bool              // where things are that linkd did not make and that are in the way of a delete
	troubled map[spec.ID]bool            // resources that are not as wanted, or were not a moment ago
	rows     rows
	whole    bool // the next comparison is of everything
	lost     bool // there was no journal, and what that leaves unconfirmed was not noted yet
	search   bool // nothing tells what an earlier run left in linkd's own namespace
	changes  int  // ops that were done
	searches int  // passes in a row after which a namespace was missing or could not be looked at

	events    []Event             // what has happened and was not told yet
	told      map[spec.ID]Verdict // how each resource stood at the end of the last pass
	unsettled map[spec.ID]bool    // resources that may stand otherwise now
	recount   bool                // and so may all
	idle      bool                // nothing was done in this pass yet
}

// newsPlace is where news came from: a topic in a namespace.
type newsPlace struct {
	ns    string
	topic observe.Topic
}

// NewEngine makes an engine that wants nothing yet.
func NewEngine(kinds []Registered, world *observe.World, journal *Journal, log *slog.Logger) *Engine {
	e := &Engine{
		kinds: kinds, world: world, journal: journal, log: log, now: time.Now,
		byName:   map[string]*Registered{},
		rank:     map[*Registered]int{},
		want:     &spec.Set{},
		index:    newIndex(nil),
		found:    picture{},
		missing:  map[string]error{},
		blind:    map[scope]error{},
		seen:     map[string]observe.Identity{},
		dirty:    dirt{},
		stale:    map[scope]bool{},
		glanced:  newPart(),
		verdicts: map[spec.ID]Verdict{},
		trials:   map[spec.ID]*trial{},
		reached:  map[spec.ID]bool{},
		news:     map[newsPlace]observe.Cause{},
		troubled: map[spec.ID]bool{},
		feared:   map[scope]bool{},
		search:   journal.Fresh,
		lost:     journal.Lost || !journal.hasDevices(),
		Progress: func() {},

		told:      map[spec.ID]Verdict{},
		unsettled: map[spec.ID]bool{},
	}
	for i := range e.kinds {
		e.byName[e.kinds[i].Name] = &e.kinds[i]
		e.rank[&e.kinds[i]] = i
	}
	return e
}

// Search makes the next look one for everything with linkd's mark, as it is where there is no journal.
func (e *Engine) Search() { e.search = true }

// maxRounds bounds the looks of one pass. Two are the rule: one that finds what to do, and one that finds nothing.
const maxRounds = 6

// Converge looks where it is dirty, plans and applies until nothing is left to do or nothing more can be done.
func (e *Engine) Converge(ctx context.Context) {
	defer e.world.Release()
	defer e.conclude()
	e.Counters.Passes++
	e.idle = true
	for round := 1; ; round++ {
		c, plan := e.compare(ctx)
		if round <= maxRounds {
			plan = e.noteCorrections(plan)
		}
		if len(plan) == 0 && round > 1 && round <= maxRounds && ctx.Err() == nil {
			moved := e.world.Moved()
			for _, name := range moved {
				e.Hear([]observe.News{{NS: name, Topic: observe.NamespaceTopic}})
			}
			if len(moved) > 0 {
				continue
			}
		}
		if len(plan) == 0 || ctx.Err() != nil {
			break
		}
		if round > maxRounds {
			for _, op := range plan {
				e.fail(op, fmt.Errorf("%s %s: the kernel took it, and yet it is not so (%s)", op.Verb, op.ID(), op.reason()))
			}
			break
		}
		e.apply(ctx, c, plan)
	}
	for id := range e.troubled {
		if e.verdicts[id].State != OK {
			continue
		}
		delete(e.troubled, id)
		e.reached[id] = true
		if t := e.trials[id]; t != nil {
			t.failures, t.again = 0, false
		}
	}
}

// conclude tells what came of a pass.
func (e *Engine) conclude() {
	if e.lost {
		e.noteUnconfirmed()
		e.lost = false
	}
	e.noteTransitions()
	e.tell()
	clear(e.news)
}

// Plan looks and compares, and changes nothing.
func (e *Engine) Plan(ctx context.Context) Plan {
	defer e.world.Release()
	_, plan := e.compare(ctx)
	return plan
}

func (e *Engine) compare(ctx context.Context) (*comparison, Plan) {
	for name, err := range e.missing {
		// A namespace that was not there has no events of its own.
		if err != nil {
			e.dirty.all(name)
		}
	}
	for s := range e.blind {
		// Nor does anything announce that a look that failed would not fail now.
		e.dirty.mark(s.ns, s.kind, everything)
	}
	looked := e.look(ctx)
	c, plan, verdicts := e.compareIn(looked)
	if e.refresh(c.ending) {
		// What would be ended stood, or stands, in places that nobody has looked at since there was news of them.
		looked.add(e.look(ctx))
		c, plan, verdicts = e.compareIn(looked)
	}
	e.whole = false
	maps.Copy(e.feared, c.feared)
	for _, learn := range c.remember {
		learn(e.journal)
	}
	for id := range e.troubled {
		if _, still := verdicts[id]; !still && e.want.Get(id) == nil {
			delete(e.troubled, id)
			delete(e.verdicts, id)
			e.unsettled[id] = true
		}
	}
	for id, v := range verdicts {
		e.judge(id, v)
	}
	for _, op := range plan {
		e.troubled[op.ID()] = true
	}
	e.forgetNamespaces()
	return c, plan
}

// compareIn compares what has been looked at, or everything where other things are wanted than before.
func (e *Engine) compareIn(looked part) (*comparison, Plan, map[spec.ID]Verdict) {
	for id := range e.troubled {
		looked.ids[id] = true
	}
	e.index.widen(looked)
	e.index.widenFetched(looked, e.found)
	c := &comparison{
		kinds: e.byName, rank: e.rank, all: e.index, past: e.verdicts,
		found: e.found, missing: e.missing, blind: e.blind, held: e.held(),
		journal: e.journal, keep: e.partial,
		identity: func(ns string) observe.Identity { return e.seen[ns] },
	}
	if e.whole {
		c.want = e.complete(e.want.All())
	} else {
		c.part = &looked
		c.want = e.complete(e.index.in(looked))
	}
	plan, verdicts := c.run()
	return c, plan, verdicts
}

// judge notes how a resource stands.
func (e *Engine) judge(id spec.ID, v Verdict) {
	old, known := e.verdicts[id]
	if known && old == v {
		return
	}
	e.verdicts[id] = v
	e.rows.set(id, v)
	e.troubled[id] = true
	e.unsettled[id] = true
	if v.State != OK {
		// What is not there cannot be undone by anybody.
		delete(e.reached, id)
	}
}

// origin is where a resource is declared; "" for one that no file declares any more.
func (e *Engine) origin(id spec.ID) string {
	if want := e.want.Get(id); want != nil {
		return want.Origin().String()
	}
	return ""
}
