package reconcile

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"linkd/pkg/observe"
)

// Engine is a core with a worker that carries out its requests: all there is to converge once.
type Engine struct {
	*Core
	Worker *Worker

	now     func() time.Time
	results chan *Result
	running int
	// kept are the namespaces that are open because of a result that was just taken in: the next request may be about them.
	kept *observe.Session
	// refreshed is when processes and containers were last asked about anew.
	refreshed time.Time
}

// stale is for how long it is enough to have asked which processes and containers there are.
const stale = 20 * time.Millisecond

// NewEngine makes an engine that wants nothing yet.
func NewEngine(kinds []Registered, world *observe.World, journal *Journal, log *slog.Logger) *Engine {
	return &Engine{
		Core:    NewCore(kinds, journal, log),
		Worker:  &Worker{World: world, Journal: journal, Progress: func() {}},
		now:     time.Now,
		results: make(chan *Result),
	}
}

// Converge looks where it is dirty, plans and applies until nothing is left to do or nothing more can be done.
func (e *Engine) Converge(ctx context.Context) {
	e.Begin(ctx)
	for e.running > 0 {
		e.take(<-e.results)
		e.Begin(ctx)
	}
	e.EndPass()
}

// finish waits for what was begun.
func (e *Engine) finish() {
	for e.running > 0 {
		e.take(<-e.results)
		e.closeKept()
	}
}

// Plan looks and compares, and changes nothing.
func (e *Engine) Plan(ctx context.Context) Plan {
	world := e.Worker.World
	e.Declare()
	if world.OnlyLooks() {
		observe.Each(slices.Collect(maps.Keys(e.desired.declared)), func(name string) { _, _ = world.Open(name) })
		defer world.Release()
	}
	e.plan.dryRun = true
	e.Converge(ctx)
	return e.TakePlan()
}

// Begin has the worker carry out what is to be done now. It does not wait: Results tells of what is done.
func (e *Engine) Begin(ctx context.Context) {
	defer e.closeKept()
	e.Now = e.now()
	e.Declare()
	if e.running == 0 || e.Now.Sub(e.refreshed) > stale {
		// What was asked about processes and containers is old by now.
		e.Worker.World.Refresh()
		e.refreshed = e.Now
	}
	if ctx.Err() != nil {
		return
	}
	for _, r := range e.Requests() {
		e.running++
		session := e.sessionFor(r)
		go func() { e.results <- e.Worker.Do(ctx, session, r) }()
	}
}

// sessionFor is a session for a request, with what is open of the namespaces that it is about.
func (e *Engine) sessionFor(r *Request) *observe.Session {
	if e.kept == nil {
		return e.Worker.World.NewSession()
	}
	var names []string
	for _, l := range r.lanes {
		names = append(names, l.domain.name)
	}
	return e.kept.Split(names)
}

// keepSession keeps open what a request has opened, until others are begun.
func (e *Engine) keepSession(session *observe.Session) {
	if e.kept == nil {
		e.kept = session
	} else {
		e.kept.Join(session)
	}
}

func (e *Engine) closeKept() {
	if e.kept != nil {
		e.kept.Close()
		e.kept = nil
	}
}

// Results are what came of requests.
func (e *Engine) Results() <-chan *Result { return e.results }

// take takes a result in.
func (e *Engine) take(r *Result) {
	e.running--
	e.Now = e.now()
	if r.session != nil {
		e.keepSession(r.session)
	}
	e.Done(r)
}

// Declare tells the world which namespaces are declared.
func (e *Engine) Declare() {
	if !e.desired.anew {
		return
	}
	e.desired.anew = false
	world := e.Worker.World
	world.Declare(e.desired.declared)
	world.DeclareTemplates(e.desired.templates)
	world.DeclareDestinations(e.destinations())
	world.DeclareExisting(e.existing())
	world.Pin(e.Pins())
}
