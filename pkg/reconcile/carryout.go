package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

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
	restore, err := w.save(ns, op)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", op.text(), id, err)
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
	err = restore(err)
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

// entry returns the journal entry of the op's resource, and whether that is a setting.
func (op *Op) entry(j *Journal, ns observe.Identity) (entry Entry, setting bool) {
	before, setting := op.kind.before(op.Want, op.Have)
	if !setting {
		return op.entryOfMade(j, ns), false
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

// entryOfMade returns the entry of a resource that linkd makes, adopts or fetches.
func (op *Op) entryOfMade(j *Journal, ns observe.Identity) Entry {
	_, fetched := fetchedFrom(op.Want)
	entry := Entry{Identity: ns, Makes: makes(op.Want), Fetched: fetched}
	old, remembered := j.Get(op.Want.ID(), ns)
	if value, _ := op.kind.roams(op.Want); value != "" && value == old.Roams {
		// An op that is about something else does not set it again.
		entry.Roams = value
	}
	if entry.Wrote, _ = op.kind.before(op.Want, op.Want); entry.Wrote == "" {
		return entry
	}
	from := op.source
	if from == nil && op.Verb == Update {
		from = op.Have
	}
	entry.Before, _ = op.kind.before(op.Want, from)
	if op.Verb == Update && op.source == nil && remembered && !old.Set {
		entry.Before, entry.Earlier = originalAttributes(old.Before, entry.Before), old.valueAsWritten(op.kind, op.Want, op.Have)
	}
	return entry
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
