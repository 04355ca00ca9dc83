package reconcile

import (
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Request is what the core asks to have done in one namespace, or with a change of several: a look, a few ops, or a few
// announcements. It is
// answered by one Result. Two requests that are outstanding at the same time never concern the same lane of a namespace.
type Request struct {
	ID int
	NS string
	// Look is what to look at; nil for a request that changes something.
	Look []Scope
	// Ops are to be carried out one after the other.
	Ops []*Job
	// Announce is what to announce to neighbours; nil for a request that does something else.
	Announce *Announcement

	lanes      []*lane
	tasks      []*task
	generation int
	since      time.Time
	late       bool
}

// Scope is a kind to be looked at, and how much of it.
type Scope struct {
	Kind   *Registered
	covers coverage
	// only are the wanted resources that are to be looked at, where it is not everything.
	only []spec.Resource
	// known: all of it was found before. wanted is what is wanted, or, of a selective kind, of interest.
	known  bool
	wanted []spec.Resource
	// memory is that of the look before.
	memory *Memory
	// search: what carries linkd's mark is of interest, too.
	search bool
}

// Job is an op with all that has to be known to carry it out.
type Job struct {
	*Op
	// Selectors say how the namespaces are found in which something is left with the op.
	Selectors map[string]spec.Selector
	// Twins are what comes into being with the op's resource.
	Twins []spec.ID
	// at are the namespaces that the op was planned for, those that were not there yet without an identity.
	at []located
	// after are the jobs of the same request that have to have succeeded.
	after []int
}

// Result answers a request.
type Result struct {
	Request *Request
	// Location is that of the namespace that was looked at; Err is why it could not be, or why nothing could be
	// announced.
	Location observe.Location
	Err      error
	// observations is what was found, and blind are the kinds that could not be looked at.
	observations []observation
	failed       map[string]error
	// Errs are those of the ops. An op of which there is none was not tried.
	Errs []error
	// made are the resources that the ops made, as far as the kernel says.
	made map[spec.ID]spec.Resource
	// session is what was opened for it; nil where that is everybody's.
	session *observe.Session
}

// looks tells whether nothing is changed by the request: it is one to look or to announce, or there is none.
func (r *Request) looks() bool { return r == nil || r.Ops == nil }

// isLook tells whether it is a request to look.
func (r *Request) isLook() bool { return r.Ops == nil && r.Announce == nil }
