package reconcile

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"linkd/pkg/observe"
)

// Engine is a core with a worker that carries out its requests. It is all that is needed to converge once. One
// goroutine uses it.
type Engine struct {
	*Core
	Worker *Worker
	// Meanwhile, unless it is nil, is called every meanwhilePause while Converge waits for results, by its goroutine.
	Meanwhile func()

	now     func() time.Time
	results chan *Result
	running int
	// kept is the open session of the result that was just taken in, for a next request about the same namespaces.
	kept *observe.Session
	// refreshed is when the world last asked for processes and containers.
	refreshed time.Time
}

// stale is the age from which the list of processes and containers is refreshed.
const stale = 20 * time.Millisecond

// meanwhilePause is how often a command that converges can tell its user how far it is.
const meanwhilePause = 200 * time.Millisecond

// NewEngine makes an engine without a desired state.
func NewEngine(kinds []Registered, world *observe.World, journal *Journal, log *slog.Logger) *Engine {
	return &Engine{
		Core:    NewCore(kinds, journal, log),
		Worker:  &Worker{World: world, Journal: journal, Progress: func() {}},
		now:     time.Now,
		results: make(chan *Result),
	}
}

// Converge looks at what is dirty, plans and applies until nothing is left to do or nothing more can be done.
func (e *Engine) Converge(ctx context.Context) {
	ticker := time.NewTicker(meanwhilePause)
	defer ticker.Stop()
	e.Begin(ctx)
	for e.running > 0 {
		select {
		case r := <-e.results:
			e.take(r)
			e.Begin(ctx)
		case <-ticker.C:
			if e.Meanwhile != nil {
				e.Now = e.now()
				e.Meanwhile()
			}
		}
	}
	e.EndPass()
}

// finish waits for the outstanding requests.
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
	began := e.now()
	e.Converge(ctx)
	return e.dropRefused(e.TakePlan(), began)
}

// Begin starts the requests that can begin now. It does not wait: Results delivers their results.
func (e *Engine) Begin(ctx context.Context) {
	defer e.closeKept()
	e.Now = e.now()
	e.Declare()
	if e.running == 0 || e.Now.Sub(e.refreshed) > stale {
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

// sessionFor returns a session for a request. It reuses what is open in the kept session.
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

// keepOpen keeps the session of a request open until the next requests begin.
func (e *Engine) keepOpen(session *observe.Session) {
	if e.kept == nil {
		e.kept = session
	} else {
		e.kept.Join(session)
	}
}

// closeKept closes the kept session.
func (e *Engine) closeKept() {
	if e.kept != nil {
		e.kept.Close()
		e.kept = nil
	}
}

// Results delivers the results of requests.
func (e *Engine) Results() <-chan *Result { return e.results }

// take passes a result to the core.
func (e *Engine) take(r *Result) {
	e.running--
	e.Now = e.now()
	if r.session != nil {
		e.keepOpen(r.session)
	}
	e.Done(r)
}

// Declare passes the declared namespaces to the world.
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
