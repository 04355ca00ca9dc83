package history

import (
	"time"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// countTime is how long after a state came into force ops count as its own. What linkd repairs later is drift.
const countTime = time.Minute

// Recorder adds the states of a daemon to a store. It writes on a goroutine of its own, because a disk can be slow. All
// methods but Close are for the loop's goroutine.
type Recorder struct {
	store *Store
	warn  func(error)
	now   func() time.Time

	work chan func()
	done chan struct{}

	// digest is that of the files in force.
	digest string
	// entry is the state in force as far as it is known, without its number.
	entry Entry
	// open: ops still count for the entry.
	open bool
	// pending: the entry differs from what was written.
	pending bool

	// number is that of the state in force, 0 if it was not added. It belongs to the writing goroutine.
	number int
}

// NewRecorder starts a recorder. It calls warn with errors of the store, and goes on.
func NewRecorder(store *Store, warn func(error)) *Recorder {
	r := &Recorder{store: store, warn: warn, now: time.Now, work: make(chan func(), 64), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for do := range r.work {
			do()
		}
	}()
	return r
}

// Loaded notes the files that are in force now.
func (r *Recorder) Loaded(files []spec.File, cause string) {
	digest, at := Digest(files), r.now()
	if digest == r.digest {
		if cause == "confirmed" && r.entry.Cause == causeTrial {
			r.entry.Cause = cause
			r.write()
		}
		return
	}
	r.flush()
	r.digest = digest
	e := Entry{Time: at, Cause: cause, Digest: digest}
	r.entry, r.open, r.pending = e, true, false
	r.do(func() {
		added, err := r.store.Add(files, e)
		r.number = 0
		if added != nil {
			r.number = added.Number
		}
		if err != nil {
			r.warn(err)
		}
	})
}

// do hands work to the writing goroutine. If that is far behind, a state is lost, and the loop waits for nothing.
func (r *Recorder) do(work func()) {
	select {
	case r.work <- work:
	default:
	}
}

// Note counts the ops among events.
func (r *Recorder) Note(events []reconcile.Event) {
	if !r.open || r.now().Sub(r.entry.Time) > countTime {
		return
	}
	for _, ev := range events {
		if ev.Event != reconcile.OpDone || ev.Error != "" {
			continue
		}
		r.pending = true
		switch ev.Op {
		case reconcile.Create.String():
			r.entry.Created++
		case reconcile.Delete.String():
			r.entry.Deleted++
		default:
			r.entry.Changed++
		}
	}
}

// Passed notes the overall state after a pass.
func (r *Recorder) Passed(state string) {
	if !r.open {
		return
	}
	r.pending = r.pending || r.entry.State != state
	r.entry.State = state
	if state == reconcile.Converged || r.now().Sub(r.entry.Time) > countTime {
		r.flush()
	}
}

// flush writes what is known of the state in force, for good.
func (r *Recorder) flush() {
	if r.open && r.pending {
		r.write()
	}
	r.open = false
}

func (r *Recorder) write() {
	e := r.entry
	r.pending = false
	r.do(func() {
		if e.Number = r.number; e.Number == 0 {
			return
		}
		if err := r.store.Update(e); err != nil {
			r.warn(err)
		}
	})
}

// Close writes what is left. The loop must have ended.
func (r *Recorder) Close() {
	r.flush()
	close(r.work)
	<-r.done
}
