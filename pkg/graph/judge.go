package graph

import (
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// marks are how resources stand by their printed IDs: as a status says, and, where a plan would do something, as that
// says.
func marks(plan reconcile.Plan, status *reconcile.Status) map[string]Mark {
	marks := map[string]Mark{}
	for _, r := range status.Resources {
		state := Failed
		switch r.State {
		case reconcile.OK:
			state = OK
		case reconcile.Pending:
			state = Pending
		}
		marks[r.ID] = Mark{state, r.Reason}
	}
	for _, op := range plan {
		state := map[reconcile.Verb]State{
			reconcile.Create: Missing, reconcile.Update: Differs, reconcile.Replace: Differs, reconcile.Delete: Leaving,
		}[op.Verb]
		marks[plain.Text(op.ID().String())] = Mark{state, reason(op)}
	}
	return marks
}

// reason is what an op is for.
func reason(op *reconcile.Op) string {
	parts := reconcile.Strings(op.Why)
	if op.Because != "" {
		parts = append(parts, op.Because)
	}
	return plain.Text(strings.Join(parts, ", "))
}

// judge is how a thing in the picture stands that some resources drew: as the worst of them does.
func (s *Sketch) judge(l layer, from ...spec.ID) (worst Mark) {
	worst.State = OK
	if s.states == nil {
		worst.State = Wanted
	}
	for _, id := range from {
		if m := s.judgeOne(l, id); m.State.rank() > worst.State.rank() || worst.Reason == "" && m.State == worst.State {
			worst = m
		}
	}
	return worst
}

func (s *Sketch) judgeOne(l layer, id spec.ID) Mark {
	if s.states == nil {
		return Mark{State: Wanted}
	}
	m, known := s.states[plain.Text(id.String())]
	switch {
	case l.wanted && known:
		return m
	case l.wanted:
		return Mark{State: OK}
	case !known || m.State == OK:
		return Mark{State: Foreign}
	case m.State == Pending || m.State == Failed:
		// It is in the way of what is wanted, and stays.
		return Mark{State: Foreign}
	}
	// It goes, or makes way for what is wanted.
	return Mark{Leaving, m.Reason}
}

// undrawn is how an interface stands that only others refer to: the parent or the master of one.
func (s *Sketch) undrawn(b *drawnBox) Mark {
	switch {
	case s.states == nil, b.partly:
		return Mark{State: Foreign}
	case !b.there:
		return Mark{Pending, "its namespace is not there"}
	}
	return Mark{Pending, "it does not exist, and no file declares it"}
}

// boxMark is how a namespace stands. One that linkd makes is a resource itself.
func (s *Sketch) boxMark(b *drawnBox) Mark {
	switch {
	case !b.wanted:
		return Mark{State: Foreign}
	case s.states == nil:
		return Mark{State: Wanted}
	case b.there:
		return Mark{State: OK}
	}
	name := spec.ID{NS: spec.Host, Kind: "netns", Key: b.name}
	if m, known := s.states[plain.Text(name.String())]; known && m.State != OK {
		return m
	}
	return Mark{Pending, b.absent}
}
