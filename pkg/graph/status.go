package graph

import (
	"strings"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/spec"
)

// resourceStates returns the status of each resource by its printed ID: that of the plan if the plan changes the resource,
// otherwise that of status.
func resourceStates(plan reconcile.Plan, status *reconcile.Status) map[string]Status {
	marks := map[string]Status{}
	for _, r := range status.Resources {
		state := Failed
		switch r.State {
		case reconcile.OK:
			state = OK
		case reconcile.Pending:
			state = Pending
		}
		marks[r.ID] = Status{state, r.Reason}
	}
	for _, op := range plan {
		state := map[reconcile.Verb]State{
			reconcile.Create: Missing, reconcile.Update: Differs, reconcile.Replace: Differs, reconcile.Delete: Leaving,
		}[op.Verb]
		marks[plain.Text(op.ID().String())] = Status{state, reason(op)}
	}
	return marks
}

// reason returns why the plan has an op.
func reason(op *reconcile.Op) string {
	parts := reconcile.Strings(op.Why)
	if op.Because != "" {
		parts = append(parts, op.Because)
	}
	return plain.Text(strings.Join(parts, ", "))
}

// status returns the status of a part of the picture: the worst status of the resources that it shows.
func (s *Builder) status(l presence, from ...spec.ID) (worst Status) {
	worst.State = OK
	if s.states == nil {
		worst.State = Wanted
	}
	for _, id := range from {
		if m := s.resourceStatus(l, id); m.State.rank() > worst.State.rank() || worst.Reason == "" && m.State == worst.State {
			worst = m
		}
	}
	return worst
}

func (s *Builder) resourceStatus(l presence, id spec.ID) Status {
	if s.states == nil {
		return Status{State: Wanted}
	}
	m, known := s.states[plain.Text(id.String())]
	switch {
	case l.declared && known:
		return m
	case l.declared:
		return Status{State: OK}
	case !known || m.State == OK:
		return Status{State: Foreign}
	case m.State == Pending || m.State == Failed:
		// It prevents a declared resource, and stays.
		return Status{State: Foreign}
	}
	// linkd removes it, or replaces it by a declared resource.
	return Status{Leaving, m.Reason}
}

// referencedStatus returns the status of an interface that no resource drew, but that others refer to as parent or master.
func (s *Builder) referencedStatus(b *nodeBuilder) Status {
	switch {
	case s.states == nil, b.partial:
		return Status{State: Foreign}
	case !b.exists:
		return Status{Pending, "its namespace is not there"}
	}
	return Status{Pending, "it does not exist, and no file declares it"}
}

// nodeStatus returns the status of a namespace. A namespace that linkd creates is a resource itself.
func (s *Builder) nodeStatus(b *nodeBuilder) Status {
	switch {
	case !b.declared:
		return Status{State: Foreign}
	case s.states == nil:
		return Status{State: Wanted}
	case b.exists, s.reached[plain.Text(b.name)]:
		return Status{State: OK}
	}
	name := spec.ID{NS: spec.Host, Kind: "netns", Key: b.name}
	if m, known := s.states[plain.Text(name.String())]; known && m.State != OK {
		return m
	}
	return Status{Pending, b.absent}
}
