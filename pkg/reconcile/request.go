package reconcile

import (
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Request is what a worker must do in one namespace, or in two for an op that changes both: a look, a few ops, or a few
// announcements. Each Request has one Result. Two outstanding requests never have a lane in common.
type Request struct {
	ID int
	NS string
	// Look is what to look at; nil for a request that changes something.
	Look []Scope
	// Ops are carried out in this order.
	Ops []*Job
	// Announce is what to announce to neighbours; nil for a request that does something else.
	Announce *Announcement

	// was is where the namespace was at the last look. lostIfMissing: it has lost its name if the name leads to none now; otherwise
	// only if the name leads to another namespace.
	was           observe.Location
	lostIfMissing bool

	lanes      []*lane
	tasks      []*task
	generation int
	since      time.Time
	late       bool
}

// Scope is a kind to look at, and the part of it to look at.
type Scope struct {
	Kind   *Registered
	covers coverage
	// only limits the look to these desired resources; nil is no limit.
	only []spec.Resource
	// known: the whole scope was observed before. wanted are the desired resources; for a selective kind, also those
	// in the journal.
	known  bool
	wanted []spec.Resource
	// memory is the cache of the look before.
	memory *Memory
	// search: look for everything with linkd's mark, too.
	search bool
}

// Job is an op together with the data that a worker needs to carry it out.
type Job struct {
	*Op
	// Selectors are the selectors of the namespaces in which the op leaves something, for the journal.
	Selectors map[string]spec.Selector
	// Twins are the resources that the kernel makes together with the op's resource.
	Twins []spec.ID
	// at are the namespaces that the op was planned for. A namespace that did not exist then has no identity.
	at []located
	// since is when the op was planned.
	since time.Time
	// after are the indexes of the jobs in the same request that must succeed first.
	after []int
}

// Result is the result of a request.
type Result struct {
	Request *Request
	// Location is where the namespace is; Err says why it could not be looked at, or why nothing could be announced.
	Location observe.Location
	Err      error
	// holder is the PID of a process in the namespace that the name led to before, if the name no longer leads there.
	holder int
	// observations are what was observed, and failed are the errors of kinds that could not be looked at.
	observations []observation
	failed       map[string]error
	// Errs are the errors of the ops. An op without an entry was not tried.
	Errs []error
	// made are the resources that the kernel says the ops made.
	made map[spec.ID]spec.Resource
	// session is the session with what was opened for the request; nil if the session is shared.
	session *observe.Session
}

// looks reports whether the request changes nothing: it is a look or an announcement. A nil request changes nothing.
func (r *Request) looks() bool { return r == nil || r.Ops == nil }

// isLook reports whether the request is a look.
func (r *Request) isLook() bool { return r.Ops == nil && r.Announce == nil }
