package reconcile

import (
	"time"

	"linkd/pkg/spec"
)

// plan is the work that is left: what to compare, the ops to carry out, and the lanes to look at.
type plan struct {
	// patience is how long a comparison waits for outstanding looks, so that one plan covers them all; 0 is until
	// they end. dryRun: change nothing, and collect the ops in dry.
	patience time.Duration
	dryRun   bool
	// onlyPlanned: a dry run has ended and nothing was begun since, so what it would change stays as it is.
	onlyPlanned bool
	// onlyPrograms: all kinds run programs.
	onlyPrograms bool
	dry          Plan
	// todo is what to compare; since is when the first of it was added.
	todo  workset
	since time.Time
	// anew: todo is everything, because the desired state has changed, and waits patienceForAll. notLooked are the lanes
	// without a look since then. relaxed: todo has waited long enough.
	anew, relaxed  bool
	patienceForAll time.Duration
	notLooked      map[*lane]bool
	// tasks are the ops that are not done yet, and ready are the lanes in which some may begin.
	tasks map[spec.ID]*task
	// mostTasks is for trimmed.
	mostTasks int
	ready     []*lane
	// ends are the tasks whose ops may delete something.
	ends idSet
	// looks is the queue of dirty lanes, first come, first served. prompt counts those that are not late.
	looks  lookQueue
	prompt int
	// requests are the outstanding requests, and free are the numbers of further ones for netlink and for programs.
	requests map[int]*Request
	free     [2]slots
	last     int
	// epoch counts the desired states.
	epoch int
	// retries are the lanes in which a look failed, and when to try again.
	retries alarms[*lane]
	// resting are the dirty lanes whose looks took more than their share of the time.
	resting map[*lane]bool
	// done counts the ops that succeeded. failures are the failed ops that have not been judged, by the IDs of their
	// resources and of those that they block.
	done     int
	failures map[spec.ID]*failure
	// judgedEarly are failures that were judged before all other work was done, with the value of done at that time.
	judgedEarly map[spec.ID]int
}

// slots are the numbers of further requests: to lanes that keep up, and to late ones.
type slots struct{ prompt, late int }

const (
	// mostPrompt is the number of outstanding requests that are useful: the kernel takes one lock (rtnl) for most of
	// them.
	mostPrompt = 2
	// mostLate is the number of late requests at which no further look at a late lane begins.
	mostLate = 4
	// patienceAnew is how long a comparison of everything waits for looks, and patienceEach is how much longer for each
	// namespace. A plan for all of them sets up all links before any of these becomes the port of a bridge.
	patienceAnew = 10 * time.Second
	patienceEach = 5 * time.Millisecond
	// mostOps is the number of ops in a request; after that, other requests come first.
	mostOps = 64
)

func newPlan() plan {
	return plan{
		todo: newWorkset(), notLooked: map[*lane]bool{}, tasks: map[spec.ID]*task{}, ends: newIDSet(), requests: map[int]*Request{},
		free:     [2]slots{{mostPrompt, mostLate}, {mostPrompt, mostLate}},
		failures: map[spec.ID]*failure{}, judgedEarly: map[spec.ID]int{}, resting: map[*lane]bool{},
	}
}

// wantLook puts a lane into the queue of dirty lanes.
func (p *plan) wantLook(l *lane) {
	if l.queued || l.request != nil || p.resting[l] {
		return
	}
	if l.programs && l.domain.location.Identity == "" && !p.onlyPrograms {
		// The lane is looked at once the namespace is known to exist.
		return
	}
	l.queued = true
	p.looks.add(l)
	if !l.late {
		p.prompt++
	}
}

// unqueue removes a lane from the queue. It is queued again when its request is done.
func (p *plan) unqueue(l *lane) {
	if !l.queued {
		return
	}
	l.queued = false
	if !l.late {
		p.prompt--
	}
	p.looks.remove(l)
}

// waits reports whether the comparison of todo waits for outstanding looks.
func (p *plan) waits(now time.Time) bool {
	if p.since.IsZero() {
		p.since = now
	}
	looking := p.looking()
	if p.anew {
		// A lane that is dirty all the time does not count.
		looking = len(p.notLooked) > 0 || p.patience == 0 && looking
	}
	if !looking || p.patience > 0 && !now.Before(p.deadline()) {
		// A lane that is looked at all the time is known well enough from its last look.
		p.relaxed = p.looking()
		p.since, p.anew = time.Time{}, false
		return false
	}
	return true
}

// deadline returns when todo has waited long enough.
func (p *plan) deadline() time.Time {
	if p.anew {
		return p.since.Add(p.patienceForAll)
	}
	return p.since.Add(p.patience)
}

// looking reports whether a look is outstanding that is worth waiting for.
func (p *plan) looking() bool {
	if p.prompt > 0 {
		return true
	}
	for _, r := range p.requests {
		if r.isLook() && (!r.late || p.patience == 0) {
			return true
		}
	}
	return p.patience == 0 && p.looks.n > 0
}

// mostRounds limits how often one decision leads to the next before something is done or time passes.
const mostRounds = 1000

// Requests returns the requests that can begin now.
func (c *Core) Requests() []*Request {
	c.wake()
	if !c.plan.dryRun {
		c.plan.onlyPlanned = false
	}
	var out []*Request
	for range mostRounds {
		c.decide()
		n := len(out)
		out = c.dispatchOps(out)
		out = c.dispatchLooks(out)
		out = c.dispatchAnnouncements(out)
		if len(out) == n && (c.plan.todo.empty() || c.plan.waits(c.Now)) && !c.judgeFailures() && !c.recheck() {
			break
		}
	}
	return out
}

// freeFor returns the slots for a lane. Programs have slots of their own, so they never delay netlink.
func (p *plan) freeFor(l *lane) *slots {
	if l.programs {
		return &p.free[programLane]
	}
	return &p.free[netlinkLane]
}

// look returns the request to look at a lane.
func (c *Core) look(l *lane) *Request {
	d := l.domain
	r := &Request{NS: d.name, lanes: []*lane{l}, generation: d.generation, late: l.late}
	if !l.programs {
		r.was, r.lostIfMissing = c.lastLocation(d)
	}
	search := c.desired.search && !l.searched
	for i := range c.kinds.list {
		k := &c.kinds.list[i]
		x, dirty := l.dirty[k.Name]
		if !dirty {
			continue
		}
		s := scope{d.name, k.Name}
		if c.found.stale[s] {
			x = wholeScope
			delete(c.found.stale, s)
		}
		look := Scope{Kind: k, covers: x, search: search && k.isSelective() || c.isSought(k, s)}
		delete(c.found.sought, s)
		look.known = c.isKnown(s)
		look.only = c.resourcesToLookUp(look)
		look.wanted = c.interest(k, s)
		look.memory = c.memoryFor(k, s)
		r.Look = append(r.Look, look)
	}
	l.dirty, l.urgent = map[string]coverage{}, false
	return c.begin(r)
}

// isSought reports whether a look searches for resources that may have come back. After a search has found one, looks search
// until it is gone.
func (c *Core) isSought(k *Registered, s scope) bool {
	return c.found.sought[s] || k.Recurs && !c.matters(s) && c.found.in(s).len() > 0
}

// interest returns the desired resources of a scope; for a selective kind, also the settings in the journal.
func (c *Core) interest(k *Registered, s scope) []spec.Resource {
	wanted := c.desired.index.in(s)
	if !k.isSelective() || !c.journal.Has(s) {
		return wanted
	}
	interest := append([]spec.Resource(nil), wanted...)
	for id := range c.journal.In(s) {
		if c.desired.set.Get(id) == nil {
			if r, ok := k.fromID(id); ok {
				interest = append(interest, r)
			}
		}
	}
	return interest
}

// TakePlan ends a dry run and returns the ops that it collected.
func (c *Core) TakePlan() Plan {
	ops := c.plan.dry
	c.plan.dry, c.plan.dryRun = nil, false
	c.plan.onlyPlanned = true
	return order(ops, c.kinds.rank, c.needs)
}

// begin records a request as outstanding.
func (c *Core) begin(r *Request) *Request {
	c.plan.last++
	r.ID, r.since = c.plan.last, c.Now
	c.plan.requests[r.ID] = r
	for _, l := range r.lanes {
		l.request = r
	}
	return r
}
