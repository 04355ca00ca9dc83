package reconcile

import (
	"errors"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// State is the state of a resource.
type State string

// The states. A pending resource waits for something outside linkd; a blocked one waits for another resource that
// failed.
const (
	OK       State = "ok"
	Pending  State = "pending"
	Failed   State = "failed"
	Blocked  State = "blocked"
	Flapping State = "flapping"
)

// States returns all states.
func States() []State { return []State{OK, Pending, Failed, Blocked, Flapping} }

// Verdict is a State and its reason. Cause is what the resource waits for, or what blocks it, at the root of the chain: the ID
// of a resource, or of a namespace (spec.NamespaceID). It is zero if the reason is about the resource itself.
type Verdict struct {
	State  State
	Reason string
	Cause  spec.ID
}

// verdictTable has the verdicts of resources. Most are the same, and a table of pointers takes a third of the memory. Nobody changes
// a verdict in it.
type verdictTable map[spec.ID]*Verdict

var plainOK = &Verdict{State: OK}

// get returns the verdict of a resource, and whether there is one.
func (t verdictTable) get(id spec.ID) (v Verdict, judged bool) {
	if of := t[id]; of != nil {
		return *of, true
	}
	return v, false
}

// set sets the verdict of a resource.
func (t verdictTable) set(id spec.ID, v Verdict) *Verdict {
	of := plainOK
	if v != *plainOK {
		of = &v
	}
	t[id] = of
	return of
}

// of returns the verdict of a resource, or the zero Verdict.
func (t verdictTable) of(id spec.ID) Verdict {
	v, _ := t.get(id)
	return v
}

// root returns what has to change before resources that need id can: id itself, or the cause of its verdict.
func (v Verdict) root(id spec.ID) spec.ID {
	if v.Cause != (spec.ID{}) {
		return v.Cause
	}
	return id
}

// verdictIn returns the verdict of a resource that cannot be compared because of a namespace. If the namespace cannot be
// used at all, the namespace is the cause.
func (c *comparison) verdictIn(ns string, err error) Verdict {
	v := verdictOf(err)
	if c.missing(ns) != nil {
		v.Cause = spec.NamespaceID(ns)
	}
	return v
}

func verdictOf(err error) Verdict {
	if errors.Is(err, observe.ErrPending) {
		return Verdict{State: Pending, Reason: err.Error()}
	}
	return Verdict{State: Failed, Reason: err.Error()}
}
