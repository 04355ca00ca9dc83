package reconcile

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// apply walks the plan. An op that fails does not stop it: what needs it is blocked, and the rest goes on.
func (e *Engine) apply(ctx context.Context, c *comparison, plan Plan) {
	var setbacks []setback
	failed, done := map[spec.ID]bool{}, 0
	ahead := e.lookAhead(ctx, plan)
	defer ahead.finish()
	defer func() { e.takeStock(setbacks, done) }()
	for _, op := range plan {
		id := op.ID()
		if ctx.Err() != nil {
			return
		}
		if cause, blocked := blockedBy(c, op, failed); blocked {
			failed[id] = true
			setbacks = append(setbacks, setback{op: op, cause: cause})
			ahead.passed(op)
			continue
		}
		e.Counters.Ops++
		e.idle = false
		err := e.do(ctx, op)
		e.Progress()
		e.touch(op)
		if errors.Is(err, unix.ENODEV) {
			e.doubt(op)
		}
		ahead.passed(op)
		e.noteOp(op, err)
		if err != nil {
			failed[id] = true
			setbacks = append(setbacks, setback{op: op, err: err, done: done})
			continue
		}
		done++
		e.changes++
	}
}

// setback is an op that failed when done others had succeeded, or that is blocked by its cause.
type setback struct {
	op    *Op
	err   error
	done  int
	cause spec.ID
}

// doubt makes dirty what an op needs: an interface is gone, and the news of that comes after the news of all that went
// with it (unregister_netdevice_many_notify in net/core/dev.c).
func (e *Engine) doubt(op *Op) {
	if op.Want == nil {
		return
	}
	for _, need := range op.Want.Needs() {
		if k := e.byName[need.Kind]; k != nil {
			e.dirty.mark(need.NS, need.Kind, everything)
		}
	}
}

// takeStock judges what did not succeed. Where something else did after it, that may have been what was in the way: two
// links that want one VLAN of a parent, say, of which the old one goes. Where there is no such interface any more, that is
// just being found out. So it is first tried again without a word.
func (e *Engine) takeStock(setbacks []setback, done int) {
	again := map[spec.ID]bool{}
	for _, s := range setbacks {
		switch id := s.op.ID(); {
		case s.err != nil && (s.done < done || errors.Is(s.err, unix.ENODEV)) && !e.trial(id).again:
			e.trial(id).again = true
			again[id] = true
		case s.err != nil:
			e.fail(s.op, s.err)
		case again[s.cause]:
			again[id] = true
		default:
			e.judge(id, Verdict{Blocked, fmt.Sprintf("blocked by %s: %s", s.cause, e.verdicts[s.cause].Reason)})
		}
	}
}

func blockedBy(c *comparison, op *Op, failed map[spec.ID]bool) (spec.ID, bool) {
	if op.Want == nil || len(failed) == 0 {
		return spec.ID{}, false
	}
	for _, need := range c.needs(op.Want) {
		if failed[need] {
			return need, true
		}
	}
	return spec.ID{}, false
}

// do writes to the journal what has to be known if linkd is killed at this very point, and then does the op.
func (e *Engine) do(ctx context.Context, op *Op) error {
	id := op.ID()
	ns, err := e.world.Open(id.NS)
	if err != nil {
		return err
	}
	for _, name := range []string{id.NS, makes(op.Want)} {
		if d, declared := e.world.Declared(name); declared {
			e.journal.Remember(name, d.Selector)
		}
	}
	if err := e.record(ctx, op); err != nil {
		return fmt.Errorf("%s %s: %w", op.deed(), id, err)
	}
	old, remembered := e.journal.Get(id, ns.Identity)
	setting, forgetTwins := false, e.rememberTwins(op)
	if op.Want != nil && !op.forget {
		var entry Entry
		entry, setting = e.entry(op, old, remembered, ns.Identity)
		e.journal.Put(id, entry)
	}
	switch op.Verb {
	case Create:
		err = op.kind.Create(ctx, ns, op.Want)
	case Update:
		err = op.kind.Update(ctx, ns, op.Want, op.Have)
	case Replace:
		switch err = e.remove(ctx, ns, op); {
		case err != nil:
		case op.source != nil:
			err = op.kind.Update(ctx, ns, op.Want, op.source)
		default:
			err = op.kind.Create(ctx, ns, op.Want)
		}
	case Delete:
		err = e.remove(ctx, ns, op)
	}
	making := op.Verb == Create || op.Verb == Replace
	switch {
	case err != nil && making && !setting && (!remembered || errors.Is(err, unix.EEXIST)):
		// Nothing was made, and what may stand there is not linkd's.
		e.journal.Restore(id, old, remembered)
		forgetTwins()
	case err == nil && (op.Verb == Delete || op.forget):
		e.journal.Forget(id)
	}
	if made := makes(op.Want); made != "" && err == nil {
		e.world.Retry(made)
		delete(e.missing, made)
		e.dirty.all(made)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", op.deed(), id, err)
	}
	return nil
}

// rememberTwins notes what comes into being with op's resource: it is new, and what is remembered of an earlier one of
// that ID is not its fingerprint. What stands there and has no mark may be another's, in the way of the new one, and must
// not pass for that. To undo it is for when nothing was made.
func (e *Engine) rememberTwins(op *Op) (undo func()) {
	maker, is := op.Want.(AlsoMaker)
	if !is || (op.Verb != Create && op.Verb != Replace) {
		return func() {}
	}
	var undos []func()
	for _, id := range maker.AlsoMakes() {
		ns, err := e.world.Open(id.NS)
		if have := e.found.get(id); err != nil || have != nil && !op.kind.Owned(have) {
			continue
		}
		old, remembered := e.journal.Get(id, ns.Identity)
		e.journal.Put(id, Entry{Identity: ns.Identity})
		undos = append(undos, func() { e.journal.Restore(id, old, remembered) })
	}
	return func() {
		for _, undo := range undos {
			undo()
		}
	}
}

func (e *Engine) entry(op *Op, old Entry, remembered bool, ns observe.Identity) (entry Entry, setting bool) {
	before, setting := op.kind.before(op.Want, op.Have)
	if !setting {
		_, fetched := homeOf(op.Want)
		return Entry{Identity: ns, Makes: makes(op.Want), Fetched: fetched}, false
	}
	if remembered && old.Set {
		before = oldest(old.Before, before)
	}
	wrote, _ := op.kind.before(op.Want, op.Want)
	return Entry{Identity: ns, Set: true, Before: before, Wrote: wrote}, true
}

// touch marks what an op may have changed: its own kind, and the kinds that hear of it.
func (e *Engine) touch(op *Op) {
	namespaces := op.namespaces()
	for i := range e.kinds {
		k := &e.kinds[i]
		if k != op.kind && (len(op.kind.Hears) == 0 || !hears(k, op.kind.Hears[0])) {
			continue
		}
		for _, ns := range namespaces {
			if _, declared := e.declared[ns]; !declared {
				continue
			}
			if s := (scope{ns, k.Name}); k != op.kind && !e.matters(s) {
				e.stale[s] = true
				continue
			}
			x := everything
			if k.narrow() {
				x = e.ofOp(op, ns)
			}
			e.dirty.mark(ns, k.Name, x)
		}
	}
}

func hears(k *Registered, t observe.Topic) bool {
	for _, heard := range k.Hears {
		if heard == t {
			return true
		}
	}
	return false
}
