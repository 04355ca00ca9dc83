package reconcile

import (
	"cmp"
	"strings"
	"time"

	"linkd/pkg/observe"
)

// domain is what is known of one namespace as a whole. It has two lanes: what programs look at and change, which may take
// seconds, holds up nothing that netlink does there.
type domain struct {
	name string
	// location is where it is; the identity in it is "" while the namespace is not known to be there.
	location observe.Location
	// claimed is the namespace that the name led to when it was last opened, be it refused.
	claimed observe.Identity
	// missing is why it cannot be opened.
	missing error
	// generation counts the namespaces that have been under this name. What was asked of an earlier one says nothing.
	generation int
	// searches is how often it was looked for in vain, in a row.
	searches int
	lanes    [2]*lane
}

// The lanes of a domain.
const (
	netlinkLane = iota
	programLane
)

// lane is the part of a domain that does one thing at a time: a look or a few ops.
type lane struct {
	domain   *domain
	programs bool
	// dirty is how much of each kind has to be looked at, and since when.
	dirty      map[string]coverage
	dirtySince time.Time
	// searched: everything with linkd's mark has been looked for.
	searched bool
	// request is the one that is outstanding.
	request *Request
	// late: the last look took longer than others are to wait for.
	late bool
	// rest is when the lane may be looked at again: one that is dirty all the time does not take all the time.
	rest time.Time
	// urgent: somebody wants to know how it is now.
	urgent bool
	// asOf is when the last look began that nothing was changed after.
	asOf time.Time
	// tasks are what can be done, best first; blocked are those that wait for this lane, too; pending counts those that
	// can be done and concern the lane, by the lane in whose heap they are.
	tasks   taskHeap
	blocked []*task
	pending map[*lane]int
	// spent is how long looks took that found nothing to do, since window.
	spent  time.Duration
	window time.Time
	// waiting is what can be compared when the lane has been looked at.
	waiting workset
	// queued: it is in the queue of lanes that have to be looked at.
	queued bool
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

// lane is the one that a kind is looked at in.
func (d *domain) lane(k *Registered) *lane {
	if k.Programs {
		return d.lanes[programLane]
	}
	return d.lanes[netlinkLane]
}

// mark makes an extent of a kind dirty.
func (l *lane) mark(kind string, x coverage) {
	if before, again := l.dirty[kind]; again {
		x = before.join(x)
	}
	l.dirty[kind] = x
}

// clean tells whether what is known of the lane is as of the last news, and nobody is changing it.
func (l *lane) clean() bool { return len(l.dirty) == 0 && l.request == nil }

// due tells whether something is to be changed first. What waits for a lane that does not keep up is not.
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
