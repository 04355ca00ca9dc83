package reconcile

import (
	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

func (a adapter[R]) adoptable() bool { return a.can.Ownership.AdoptKey }

func (a adapter[R]) taken(want, have spec.Resource, engine string) string {
	if a.can.Ownership.Taken == nil {
		return ""
	}
	return a.can.Ownership.Taken(want.(R), have.(R), engine)
}

func (a adapter[R]) noun(have spec.Resource) string {
	if a.can.Ownership.Noun == nil {
		return ""
	}
	return a.can.Ownership.Noun(have.(R))
}

func (a adapter[R]) adopts(want, have spec.Resource) bool {
	return a.can.Ownership.Adopts != nil && a.can.Ownership.Adopts(want.(R), have.(R))
}

func (a adapter[R]) fingerprint(have spec.Resource) (print string, unmarked bool) {
	if unmarked = a.can.Ownership.Fingerprint != nil; unmarked && have != nil {
		print = a.can.Ownership.Fingerprint(have.(R))
	}
	return print, unmarked
}

func (a adapter[R]) unfinished(have spec.Resource) bool {
	return a.can.Ownership.Unfinished == nil || a.can.Ownership.Unfinished(have.(R))
}

func (a adapter[R]) leftover(have spec.Resource) bool {
	return have != nil && a.can.Ownership.Leftover != nil && a.can.Ownership.Leftover(have.(R))
}

func (a adapter[R]) separate() bool { return a.can.Ownership.Separate }

func (a adapter[R]) saves() bool { return a.can.Saving != nil }

func (a adapter[R]) save(ns *observe.NS, want, have spec.Resource) (string, error) {
	return a.can.Saving.Save(ns, want.(R), resourceOr[R](have))
}

func (a adapter[R]) restoreSaved(ns *observe.NS, want spec.Resource, saved string) error {
	return a.can.Saving.Restore(ns, want.(R), saved)
}
