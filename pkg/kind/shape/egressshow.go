package shape

import (
	"cmp"

	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// Show writes the qdiscs as YAML.
func (egresses) Show(doc *spec.Document, found []*Egress, _ reconcile.JournalLookup) {
	for _, e := range found {
		switch {
		case e.Shape == nil:
			doc.LeaveOut(e.NS, e.Dev, "root qdisc", "of the kind "+e.root.kind)
		case !e.isOurs() && e.root.unrestorable != "":
			doc.LeaveOut(e.NS, e.Dev, "root qdisc", "with more in it")
		default:
			k := e.Shape.keys(e.frame)
			k.Adopt = !e.isOurs()
			if err := cmp.Or(spec.Unwritable(e.NS, e.Dev, k), e.Shape.check(e.Dev, e.frame)); err != nil {
				doc.LeaveOut(e.NS, e.Dev, "root qdisc", "that cannot be written: "+err.Error())
				continue
			}
			doc.End(e.NS, e.Dev).Set(egressKind, k)
		}
	}
}

// keys returns the keys for an observed shape, without those that have their default on an interface with full packets of that length.
func (s *Shape) keys(frame int) (k egressKeys) {
	k = egressKeys{
		Rate: unlessZero(s.Rate), Delay: unlessZero(s.Delay), Jitter: unlessZero(s.Jitter), Loss: unlessZero(s.Loss),
		Duplicate: unlessZero(s.Duplicate), Corrupt: unlessZero(s.Corrupt), Reorder: unlessZero(s.Reorder),
	}
	open := *k.shape()
	if s.kind() == tbf {
		if !s.Rate.sameSize(open.complete(frame).Burst, s.Burst) {
			k.Burst = &s.Burst
		}
		open.Burst = s.Burst
	}
	usual := open.complete(frame).Limit
	if usual != s.Limit && !(s.kind() == tbf && s.Rate.sameSize(Size(usual), Size(s.Limit))) {
		if k.Latency = unlessZero(s.Latency); k.Latency == nil {
			k.Limit = &Limit{Size: Size(s.Limit), unit: s.kind() == tbf}
		}
	}
	return k
}

func unlessZero[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
