package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

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

// carryOut writes to the journal what a restart must know if linkd is killed at this point, and then does the op. It
// returns the resources that the kernel says the op made.
func (w *Worker) carryOut(ctx context.Context, session opener, job *Job) (made []spec.Resource, err error) {
	op, id := job.Op, job.ID()
	ns, err := session.Open(id.NS)
	if err != nil {
		return nil, err
	}
	for _, at := range job.at {
		if now, err := session.Open(at.name); err == nil && at.identity != "" && now.Identity != at.identity {
			return nil, errReplaced
		}
	}
	if err := op.refuseUnseen(ns, job.since); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(job.Selectors)) {
		w.Journal.Remember(name, job.Selectors[name])
	}
	if err := w.recordFetched(ctx, session, op); err != nil {
		return nil, fmt.Errorf("%s %s: %w", op.text(), id, err)
	}
	old, remembered := w.Journal.Get(id, ns.Identity)
	setting, forgetTwins := false, w.rememberTwins(session, job)
	if op.Want != nil && !op.forget {
		var entry Entry
		entry, setting = op.entry(w.Journal, ns.Identity)
		entry.Files = op.files
		w.Journal.Put(id, entry)
	}
	switch op.Verb {
	case Create:
		made, err = op.kind.create(ctx, ns, op.Want)
	case Update:
		err = op.kind.Update(ctx, ns, op.Want, op.Have)
	case Replace:
		switch err = w.remove(ctx, session, ns, op); {
		case err != nil:
		case op.source != nil:
			err = op.kind.Update(ctx, ns, op.Want, op.source)
		default:
			made, err = op.kind.create(ctx, ns, op.Want)
		}
	case Delete:
		err = w.remove(ctx, session, ns, op)
	}
	making := op.Verb == Create || op.Verb == Replace
	switch {
	case errors.Is(err, unix.EEXIST) && making && !setting:
		// Nothing was made, and the existing resource is not linkd's. After any other error the resource may have
		// been made: the next look finds out.
		w.Journal.Restore(id, old, remembered)
		forgetTwins()
	case err == nil && (op.forget || op.Verb == Delete && (old.Print == "" || old.Fetched)):
		// A resource with a fingerprint is forgotten only after a look did not find it: it may just have another
		// name.
		w.Journal.Forget(id)
	}
	if made := makes(op.Want); made != "" && err == nil {
		session.Retry(made)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op.text(), id, err)
	}
	return made, nil
}

// rememberTwins records the resources that the kernel makes together with the op's resource, without a fingerprint,
// because they are new. An existing resource without a mark may be foreign and prevent the new one, and must not pass
// for linkd's. undo restores the entries if nothing was made.
func (w *Worker) rememberTwins(session opener, job *Job) (undo func()) {
	var undos []func()
	for _, id := range job.Twins {
		ns, err := session.Open(id.NS)
		if err != nil {
			continue
		}
		old, remembered := w.Journal.Get(id, ns.Identity)
		w.Journal.Put(id, Entry{Identity: ns.Identity, Files: job.Op.files})
		undos = append(undos, func() { w.Journal.Restore(id, old, remembered) })
	}
	return func() {
		for _, undo := range undos {
			undo()
		}
	}
}

func (op *Op) entry(j *Journal, ns observe.Identity) (entry Entry, setting bool) {
	before, setting := op.kind.before(op.Want, op.Have)
	if !setting {
		_, fetched := fetchedFrom(op.Want)
		return Entry{Identity: ns, Makes: makes(op.Want), Fetched: fetched}, false
	}
	wrote, _ := op.kind.before(op.Want, op.Want)
	entry = Entry{Identity: ns, Set: true, Before: before, Wrote: wrote}
	if old, remembered := j.ofSetting(op.kind, op.Want, op.Have, ns); remembered && old.Set {
		entry.Before = originalValue(old.Before, before)
		if op.Have != nil {
			entry.Earlier = old.valueAsWritten(op.kind, op.Want, op.Have)
		}
	}
	return entry, true
}

// recordFetched writes to the journal what is needed to put a resource back, before the op moves it from its origin.
// A resource with the mark was moved before.
func (w *Worker) recordFetched(ctx context.Context, session opener, op *Op) error {
	origin, fetched := fetchedFrom(op.Want)
	if !fetched || op.source == nil || op.source.ID() != origin {
		return nil
	}
	ns, err := session.Open(origin.NS)
	if err != nil {
		return err
	}
	_, marked := fetchedFrom(op.source)
	old, remembered := w.Journal.Recall(fetchedEntry(origin))
	if marked && remembered && old.Identity == ns.Identity {
		return nil
	}
	before, device, err := op.kind.recordFetched(ctx, ns, op.Want, op.source)
	if err != nil {
		return err
	}
	if marked && remembered && old.Device == device {
		// Somebody has moved it, as linkd had left it, to another namespace of that name.
		before = originalValue(old.Before, before)
	}
	switch other, known := w.Journal.FetchedFrom(device); {
	case !known || other == origin:
	case other.NS == op.source.ID().NS:
		// Somebody has put it back under another name.
		w.Journal.Forget(fetchedEntry(other))
	default:
		return fmt.Errorf("it was fetched from %s before: put it back there first", place(other))
	}
	w.Journal.Put(fetchedEntry(origin), Entry{Identity: ns.Identity, Set: true, Before: before, Device: device, Files: op.files})
	return nil
}

// remove deletes what linkd made, and puts back what linkd fetched.
func (w *Worker) remove(ctx context.Context, session opener, ns *observe.NS, op *Op) error {
	origin, fetched := fetchedFrom(op.Have)
	if !fetched {
		return op.kind.Delete(ctx, ns, op.Have)
	}
	at, err := session.Open(origin.NS)
	if err != nil {
		return err
	}
	entry, _ := w.Journal.Get(fetchedEntry(origin), at.Identity)
	if err = op.kind.putBack(ctx, ns, op.Have, entry.Before); err == nil {
		w.Journal.Forget(fetchedEntry(origin))
	}
	return err
}
