package reconcile

import (
	"cmp"
	"strings"
	"time"

	"linkd/pkg/observe"
)

// domain is the state of one namespace. It has two lanes, so that a program that takes seconds delays no netlink
// request.
type domain struct {
	name string
	// location is where the namespace is; its identity is "" while the namespace is not known to exist.
	location observe.Location
	// before is where the namespace was that the name led to last, once the name leads to none.
	before observe.Location
	// claimed is the identity of the namespace that the name led to when it was last opened, even if it was refused.
	claimed observe.Identity
	// missing is why the namespace cannot be opened.
	missing error
	// generation counts the namespaces that have had this name. The core drops results of earlier generations.
	generation int
	// searches counts consecutive looks that did not find the namespace.
	searches int
	lanes    [2]*lane
}

// The lanes of a domain.
const (
	netlinkLane = iota
	programLane
)

// lane is a queue for one namespace that has at most one outstanding request: a look or a few ops.
type lane struct {
	domain   *domain
	programs bool
	// dirty is what to look at, by kind; dirtySince is when the first of it became dirty.
	dirty      map[string]coverage
	dirtySince time.Time
	// searched: a look has covered everything that carries linkd's mark.
	searched bool
	// request is the outstanding request.
	request *Request
	// late: the last look took longer than the patience that other lanes have.
	late bool
	// rest is the earliest time of the next look, so that a lane that is always dirty does not use all the time.
	rest time.Time
	// urgent: a command waits for an answer about the current state.
	urgent bool
	// asOf is when the last look began that no change followed.
	asOf time.Time
	// tasks are those that are ready, first to last. blocked are those that also wait for this lane. pending counts
	// the ready tasks that need this lane, by the lane that has them in its heap.
	tasks   taskHeap
	blocked []*task
	pending map[*lane]int
	// spent is how long looks took that found nothing to do, since window.
	spent  time.Duration
	window time.Time
	// waiting is what to compare after the lane has been looked at.
	waiting workset
	// queued: the lane is in the queue of dirty lanes. parkedAt is its place among those that are parked there, counted from 1.
	queued   bool
	parkedAt int
}

func newDomain(name string) *domain {
	d := &domain{name: name}
	for i := range d.lanes {
		d.lanes[i] = &lane{domain: d, programs: i == programLane, dirty: map[string]coverage{}, pending: map[*lane]int{}, waiting: newWorkset()}
	}
	return d
}

func (l *lane) compare(other *lane) int {
	return cmp.Or(strings.Compare(l.domain.name, other.domain.name), boolRank(l.programs)-boolRank(other.programs))
}

// lane returns the lane that serves a kind.
func (d *domain) lane(k *Registered) *lane {
	if k.Programs {
		return d.lanes[programLane]
	}
	return d.lanes[netlinkLane]
}

// mark makes a part of a kind dirty.
func (l *lane) mark(kind string, x coverage) {
	if before, again := l.dirty[kind]; again {
		x = before.join(x)
	}
	l.dirty[kind] = x
}

// clean reports whether the last look covers all events about the lane, and no request is changing it.
func (l *lane) clean() bool { return len(l.dirty) == 0 && l.request == nil }

// due reports whether ops come before the next look. Ops that wait for a late lane do not.
func (l *lane) due() bool {
	for origin := range l.pending {
		if origin.request == nil || !origin.request.late {
			return true
		}
	}
	return false
}

// Behind is a namespace that does not keep up, and since when.
type Behind struct {
	NS    string
	Since time.Time
}
