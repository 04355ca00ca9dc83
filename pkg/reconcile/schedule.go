package reconcile

import (
	"time"

	"linkd/pkg/spec"
)

// plan is what is to be done: what to compare, the ops that have to be carried out, and the lanes to be looked at.
type plan struct {
	// patience is how long what can be compared waits for looks that are under way, so that a plan is made of all of
	// them; 0 is for as long as they take. dryRun: nothing is changed, and dry is what would be.
	patience time.Duration
	dryRun   bool
	// onlyPlanned: a dry run has ended, and nothing was begun since: what it would change stands as it is.
	onlyPlanned bool
	// onlyPrograms: there are no other kinds.
	onlyPrograms bool
	dry          Plan
	// todo is what has to be compared, and since when.
	todo  workset
	since time.Time
	// anew: it is everything, and unseen are the lanes that were not looked at since. relaxed: it has waited long enough.
	anew, relaxed bool
	unseen        map[*lane]bool
	// tasks are the ops that are not done yet, and ready the lanes in which some can be.
	tasks map[spec.ID]*task
	ready []*lane
	// ends are those of the tasks that may end something.
	ends idSet
	// looks are the lanes that have to be looked at, first come, first served. prompt counts those that are not late.
	looks  lookQueue
	prompt int
	// requests are those that are outstanding, and free says how many more there may be of netlink and of programs.
	requests map[int]*Request
	free     [2]slots
	last     int
	// epoch counts the desired states.
	epoch int
	// retries are the lanes in which a look failed, and when it is tried again.
	retries map[*lane]time.Time
	// resting are the lanes that are dirty, and have had their share of the time.
	resting map[*lane]bool
	// done is how many ops succeeded, and setbacks are those that failed since something was to be
	// done, by their resources, and by those that need these.
	done     int
	failures map[spec.ID]*failure
	// hasty are those that were judged before all else was done, by what done was then.
	hasty map[spec.ID]int
}

// slots are how many more requests there may be: of lanes that keep up, and of others.
type slots struct{ prompt, late int }

const (
	// mostPrompt is how many requests are worth having outstanding: the kernel takes one lock (rtnl) for most of them.
	mostPrompt = 2
	// mostLate is from how many more on, that have taken longer than others wait for, no more such lanes are looked at.
	mostLate = 4
	// patienceAnew is how long a comparison of everything waits for the looks.
	patienceAnew = 10 * time.Second
	// mostOps is how many ops a request has: then it is another's turn.
	mostOps = 64
)

func newPlan() plan {
	return plan{
		todo: newWorkset(), unseen: map[*lane]bool{}, tasks: map[spec.ID]*task{}, ends: newIDSet(), requests: map[int]*Request{},
		free:     [2]slots{{mostPrompt, mostLate}, {mostPrompt, mostLate}},
		failures: map[spec.ID]*failure{}, hasty: map[spec.ID]int{}, retries: map[*lane]time.Time{}, resting: map[*lane]bool{},
	}
}

// wantLook puts a lane into the queue of those that have to be looked at.
func (p *plan) wantLook(l *lane) {
	if l.queued || l.request != nil || p.resting[l] {
		return
	}
	if l.programs && l.domain.location.Identity == "" && !p.onlyPrograms {
		// It is looked at once the namespace is known to be there.
		return
	}
	l.queued = true
	p.looks.add(l)
	if !l.late {
		p.prompt++
	}
}

// unqueue takes a lane out of the queue again. When its request is done, it is queued anew.
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

// waits tells whether what has to be compared waits for looks that are under way.
func (p *plan) waits(now time.Time) bool {
	if p.since.IsZero() {
		p.since = now
	}
	looking := p.looking()
	if p.anew {
		// What is looked at again and again does not count.
		looking = len(p.unseen) > 0 || p.patience == 0 && looking
	}
	if !looking || p.patience > 0 && !now.Before(p.deadline()) {
		// What is looked at all the time is known well enough if it was a moment ago.
		p.relaxed = p.looking()
		p.since, p.anew = time.Time{}, false
		return false
	}
	return true
}

// deadline is when what has to be compared has waited long enough.
func (p *plan) deadline() time.Time {
	if p.anew {
		return p.since.Add(patienceAnew)
	}
	return p.since.Add(p.patience)
}

// looking tells whether a look is under way that is worth waiting for.
func (p *plan) looking() bool {
	if p.prompt > 0 {
		return true
	}
	for _, r := range p.requests {
		if r.Ops == nil && (!r.late || p.patience == 0) {
			return true
		}
	}
	return p.patience == 0 && p.looks.n > 0
}

// mostRounds bounds how often one decision leads to the next before something is done, or time passes.
const mostRounds = 1000

// Requests are the requests to be carried out now.
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
		if len(out) == n && (c.plan.todo.empty() || c.plan.waits(c.Now)) && !c.judgeFailures() && !c.recheck() {
			break
		}
	}
	return out
}

// freeFor is how many more requests there may be in lanes of the same sort: programs never keep netlink from being used.
func (p *plan) freeFor(l *lane) *slots {
	if l.programs {
		return &p.free[programLane]
	}
	return &p.free[netlinkLane]
}

// look is the request to look at a lane.
func (c *Core) look(l *lane) *Request {
	d := l.domain
	r := &Request{NS: d.name, lanes: []*lane{l}, generation: d.generation, late: l.late}
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
		look := Scope{Kind: k, covers: x, search: search && k.isSelective()}
		look.known = c.isKnown(s)
		look.only = c.onlyOf(look)
		look.wanted = c.interest(k, s)
		look.memory = c.memoryFor(k, s)
		r.Look = append(r.Look, look)
	}
	l.dirty, l.urgent = map[string]coverage{}, false
	return c.begin(r)
}

// interest is what is wanted in a scope, and, of a selective kind, also what the journal knows to be set.
func (c *Core) interest(k *Registered, s scope) []spec.Resource {
	wanted := c.desired.index.byScope[s]
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

// TakePlan ends a dry run: it is what would be done.
func (c *Core) TakePlan() Plan {
	ops := c.plan.dry
	c.plan.dry, c.plan.dryRun = nil, false
	c.plan.onlyPlanned = true
	return order(ops, c.kinds.rank, c.needs)
}

func (c *Core) begin(r *Request) *Request {
	c.plan.last++
	r.ID, r.since = c.plan.last, c.Now
	c.plan.requests[r.ID] = r
	for _, l := range r.lanes {
		l.request = r
	}
	return r
}
