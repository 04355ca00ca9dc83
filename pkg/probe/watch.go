package probe

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

const (
	// mostAtATime is how many probes the daemon runs at a time.
	mostAtATime = 4
	// spread is the time over which the probes after a change begin: a hundredth of a second for each, and not more.
	spreadEach = 10 * time.Millisecond
	spreadMost = 10 * time.Second
	// explainAgain is how long what a walk has said about a probe that fails is repeated.
	explainAgain = time.Minute
)

// Watch runs the declared probes of the daemon: each after each change that converged, and each after its interval. Its methods may be
// called from any goroutine.
type Watch struct {
	world *observe.World
	// changed is called with each probe whose state has changed.
	changed func(reconcile.Event)

	mu      sync.Mutex
	desired *spec.Desired
	probes  map[string]*watched
	ops     int
	wake    chan struct{}
}

// watched is a declared probe and its last result.
type watched struct {
	spec.Probe
	due     time.Time
	running bool
	status  reconcile.ProbeStatus
	// explained is when a walk has said why the probe fails, and cause what it said.
	explained time.Time
	cause     string
}

// NewWatch makes a Watch that opens namespaces of the world. Call Run to begin.
func NewWatch(world *observe.World, changed func(reconcile.Event)) *Watch {
	return &Watch{world: world, changed: changed, probes: map[string]*watched{}, wake: make(chan struct{}, 1)}
}

// Declare sets the declared probes. A probe that has not changed keeps its result and its time.
func (w *Watch) Declare(desired *spec.Desired) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.desired = desired
	probes := make(map[string]*watched, len(desired.Probes))
	for _, p := range desired.Probes {
		known := w.probes[p.Name]
		if known == nil || differs(known.Probe, p) {
			known = &watched{status: reconcile.ProbeStatus{Name: p.Name, State: reconcile.Pending, Reason: "it has not been sent yet"}}
			known.due = time.Now().Add(within(p.Every))
		}
		known.Probe = p
		place, _ := placeOf(p)
		known.status.From, known.status.To, known.status.Source = p.From, placeText(place), p.Source.String()
		probes[p.Name] = known
	}
	w.probes = probes
	w.signal()
}

func differs(a, b spec.Probe) bool {
	a.Source, b.Source = spec.Source{}, spec.Source{}
	return a != b
}

// Converged tells what the status is after a pass. If there were changes since the last one, the probes run soon.
func (w *Watch) Converged(s *reconcile.Status) {
	if s.State == reconcile.Converging {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := true
	for _, p := range w.probes {
		sent = sent && p.status.State != reconcile.Pending
	}
	if s.Counters.Ops == w.ops && sent {
		return
	}
	w.ops = s.Counters.Ops
	spread := min(time.Duration(len(w.probes))*spreadEach, spreadMost)
	for _, p := range w.probes {
		// What a walk said before the change may be wrong now.
		p.explained = time.Time{}
		if soon := time.Now().Add(within(spread)); soon.Before(p.due) {
			p.due = soon
		}
	}
	w.signal()
}

// within is a random time up to d.
func within(d time.Duration) time.Duration { return rand.N(max(d, 1)) }

// signal has Run look at the times again.
func (w *Watch) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Status are the results of all probes, by name.
func (w *Watch) Status() []reconcile.ProbeStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]reconcile.ProbeStatus, 0, len(w.probes))
	for _, p := range w.probes {
		all = append(all, p.status)
	}
	slices.SortFunc(all, reconcile.ProbeStatus.Compare)
	return all
}

// Run runs probes until ctx ends, and returns when none is running any more.
func (w *Watch) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, mostAtATime)
	for {
		due, p, desired := w.next()
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.wake:
			timer.Stop()
			continue
		case <-timer.C:
		}
		if p == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		if !w.begin(p) {
			<-slots
			continue
		}
		running.Go(func() {
			defer func() { <-slots }()
			w.run(ctx, p, desired)
		})
	}
}

// idle is how long Run sleeps if there are no probes.
const idle = time.Hour

// next is the probe that is due next; nil if there is none.
func (w *Watch) next() (due time.Time, next *watched, desired *spec.Desired) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due = time.Now().Add(idle)
	for _, p := range w.probes {
		if !p.running && p.due.Before(due) {
			due, next = p.due, p
		}
	}
	return due, next, w.desired
}

// begin marks a probe as running; false if it has left the files or is running.
func (w *Watch) begin(p *watched) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.probes[p.Name] != p || p.running {
		return false
	}
	p.running = true
	return true
}

// run runs a probe and records the result.
func (w *Watch) run(ctx context.Context, p *watched, desired *spec.Desired) {
	began := time.Now()
	w.mu.Lock()
	explain := p.status.State != reconcile.Failed || began.Sub(p.explained) > explainAgain
	declared := p.Probe
	w.mu.Unlock()
	r := declaredReport(ctx, w.world, desired, declared, false, explain)
	if ctx.Err() != nil {
		return
	}
	state := reconcile.OK
	if !r.Arrived {
		state = reconcile.Failed
	}
	w.mu.Lock()
	if cause, _ := r.Conclusion(); r.Path != nil || r.Unknown != "" {
		p.cause, p.explained = cause, began
	}
	was, reason := p.status.State, r.Text
	if state == reconcile.Failed && p.cause != "" {
		reason += "; " + p.cause
	}
	p.status.State, p.status.Reason = state, reason
	p.status.Seconds, p.status.Time = r.Took.Seconds(), began
	// The next one begins a little earlier or later, so that not all run at once for ever.
	p.due = began.Add(p.Every*9/10 + within(p.Every/5))
	p.running = false
	current := w.probes[p.Name] == p
	w.mu.Unlock()
	if current && was != state {
		w.changed(reconcile.Event{Event: reconcile.ProbeChanged, Probe: p.Name, State: string(state), Was: string(was), Reason: reason, Source: declared.Source.String()})
	}
	w.signal()
}

// Check sends a declared probe at once, and returns why it does not arrive; "" if it does. Its result is no result of the probe in
// Status.
func (w *Watch) Check(ctx context.Context, name string) (why string) {
	w.mu.Lock()
	p, desired := w.probes[name], w.desired
	var declared spec.Probe
	if p != nil {
		declared = p.Probe
	}
	w.mu.Unlock()
	if p == nil {
		return "the files that are in force declare no such probe"
	}
	r := declaredReport(ctx, w.world, desired, declared, false, true)
	if r.Arrived {
		return ""
	}
	if cause, _ := r.Conclusion(); cause != "" {
		return r.Text + "; " + cause
	}
	return r.Text
}
