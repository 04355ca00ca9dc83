package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Worker carries out requests. Several goroutines may use it.
type Worker struct {
	World   *observe.World
	Journal *Journal
	// Progress is called after each step of a request.
	Progress func()
}

// turn is the time after which a request begins no further op, so that other requests can begin.
const turn = 50 * time.Millisecond

// errSkipped is the error of an op that was not tried because an op that it needs failed.
var errSkipped = errors.New("skipped")

// errReplaced is the error of an op that was planned for a namespace which has been replaced: the plan does not apply
// to the new one.
var errReplaced = errors.New("it is another namespace now")

// opener opens namespaces by their names in the files, as an observe.Session does.
type opener interface {
	Open(name string) (*observe.NS, error)
	Retry(name string)
}

// Do carries out a request in a session, and passes the session on to the result.
func (w *Worker) Do(ctx context.Context, session *observe.Session, r *Request) *Result {
	out := &Result{Request: r, session: session}
	if w.World.OnlyLooks() {
		// Namespaces know each other's IDs only while they are open together.
		session, out.session = w.World.Shared(), nil
	}
	if r.isLook() {
		w.look(ctx, session, out)
		return out
	}
	if r.Announce != nil {
		w.announce(ctx, session, out)
		return out
	}
	start := time.Now()
	for i := range r.Ops {
		if ctx.Err() != nil || i > 0 && time.Since(start) > turn {
			break
		}
		w.next(ctx, session, out)
	}
	return out
}

// next carries out the first op without a result, unless an op that it needs has failed.
func (w *Worker) next(ctx context.Context, session opener, out *Result) {
	job := out.Request.Ops[len(out.Errs)]
	if slices.ContainsFunc(job.after, func(first int) bool { return out.Errs[first] != nil }) {
		out.Errs = append(out.Errs, errSkipped)
		return
	}
	made, err := w.carryOut(ctx, session, job)
	for _, r := range made {
		if out.made == nil {
			out.made = map[spec.ID]spec.Resource{}
		}
		out.made[r.ID()] = r
	}
	out.Errs = append(out.Errs, err)
	w.Progress()
}

// look looks at the scopes of a request.
func (w *Worker) look(ctx context.Context, session *observe.Session, out *Result) {
	ns, err := session.Open(out.Request.NS)
	if was := out.Request.was; was.Identity != "" && (err != nil && out.Request.lostIfMissing || err == nil && ns.Identity != was.Identity) {
		out.holder = w.World.Holder(was)
	}
	if err != nil {
		out.Err = err
		w.Progress()
		return
	}
	out.Location = ns.Location()
	out.failed = map[string]error{}
	for i := range out.Request.Look {
		s := &out.Request.Look[i]
		seen, err := s.look(ctx, ns)
		if err != nil {
			out.failed[s.Kind.Name] = err
		} else {
			if seen.links == nil && seen.ids == nil && (seen.memory == nil || seen.memory.looks == 1) {
				seen.all()
			}
			out.observations = append(out.observations, seen)
		}
		w.Progress()
	}
}

// look looks at a scope.
func (s *Scope) look(ctx context.Context, ns *observe.NS) (observation, error) {
	seen := observation{scope: scope{ns.Name, s.Kind.Name}}
	if s.only != nil {
		if found, ok, err := s.Kind.find(ns, s.only); ok && err == nil {
			seen.found, seen.ids, seen.memory = found, s.covers.ids, s.memory
			return seen, nil
		}
	}
	links, err := coveredLinks(s.Kind, ns, s.covers, s.known)
	if err != nil {
		return seen, err
	}
	if links != nil {
		seen.links, seen.names = &s.covers, links.Names()
	}
	if !s.Kind.isSelective() {
		if seen.memory = s.memory; seen.memory != nil {
			seen.memory.begin()
			defer seen.memory.end()
		}
		query := Query[spec.Resource]{Links: links, Memory: s.memory}
		if links == nil {
			// All there are may be many, and what is on a few links is found whether or not it is wanted.
			query.Wanted = s.wanted
		}
		seen.found, err = s.Kind.Observe(ctx, ns, query)
		return seen, err
	}
	wanted := s.wanted
	if links != nil {
		wanted = resourcesOn(s.Kind, links, s.covers, wanted)
	}
	seen.found, err = s.Kind.ObserveAll(ctx, ns, wanted)
	if err == nil && s.search {
		marked, searchErr := s.Kind.Observe(ctx, ns, Query[spec.Resource]{Purpose: ToSearch})
		seen.found, err = append(marked, seen.found...), searchErr
	}
	return seen, err
}
