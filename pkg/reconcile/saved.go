package reconcile

import (
	"errors"
	"fmt"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// savedKind is the kind of the journal entries about what a change makes the kernel drop (Saving). An entry is there
// from before the change until linkd has restored what it says, and only together with the entry of the setting.
const savedKind = "saved"

func savedEntry(id spec.ID) spec.ID {
	return spec.ID{NS: id.NS, Kind: savedKind, Key: id.Kind + "/" + id.Key}
}

// save writes to the journal what the op makes the kernel drop. An op that completes an earlier one restores first what
// that one has saved. restore restores what the op has saved, and returns its error together with that of the op.
func (w *Worker) save(ns *observe.NS, op *Op) (restore func(error) error, err error) {
	none := func(err error) error { return err }
	if !op.kind.saves() || op.Want == nil {
		return none, nil
	}
	id := savedEntry(op.ID())
	putBack := func(saved string) error {
		if err := op.kind.restoreSaved(ns, op.Want, saved); err != nil {
			return fmt.Errorf("restore what %s has lost: %w", op.ID(), err)
		}
		w.Journal.Forget(id)
		return nil
	}
	if e, interrupted := w.Journal.Get(id, ns.Identity); interrupted {
		if err := putBack(e.Before); err != nil {
			return nil, err
		}
	}
	saved, err := op.kind.save(ns, op.Want, op.Have)
	if err != nil || saved == "" {
		return none, err
	}
	w.Journal.Put(id, Entry{Identity: ns.Identity, Set: true, Before: saved, Files: op.files})
	return func(err error) error { return errors.Join(err, putBack(saved)) }, nil
}

// savedNote is the reason of an op that restores what an earlier one has saved.
const savedNote = "restore what it lost in a change that was not completed"

// hasSaved reports whether linkd was killed in a change of a setting, or could not restore everything after it.
func (c *comparison) hasSaved(kind *Registered, id spec.ID) bool {
	if !kind.saves() {
		return false
	}
	_, saved := c.journal.Get(savedEntry(id), c.identity(id.NS))
	return saved
}

// planRestoreSaved plans to complete a change of a setting that no file declares any more.
func (c *comparison) planRestoreSaved(id spec.ID, kind *Registered, have spec.Resource) bool {
	if have == nil || !c.hasSaved(kind, id) {
		return false
	}
	c.planEnd(id, &Op{Verb: Update, Want: kind.prior(have, "{}"), Have: have, Because: savedNote, kind: kind, forget: true})
	return true
}

// forgetSetting drops the entry of a setting, and what a change of it has saved.
func (j *Journal) forgetSetting(id spec.ID) {
	j.Forget(savedEntry(id))
	j.Forget(id)
}
