package reconcile

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Core decides what to look at and what to change. It is a state machine: inputs change its state, Requests returns
// what to do next, and Done takes the result of a request. It does no I/O, starts no goroutine and takes no lock. One
// goroutine uses it.
// The core keeps one domain per namespace. A request about one namespace waits for nothing in another: a namespace
// that does not answer, or has very many resources, delays only what needs it.
type Core struct {
	Counters Counters
	// Now is the time of the input.
	Now time.Time

	kinds   kinds
	journal *Journal
	desired desired
	domains map[string]*domain
	found   found
	plan    plan
	verdicts
	reporter
	// dirtied: something was found or done since the last publication of the status.
	dirtied bool
	// lost: the journal was lost, and noteUnconfirmed has not run yet.
	lost bool
	// rechecked: resources that are not as desired were compared once more since the last result.
	rechecked bool
}

// kinds are the kinds of resources. rank is the position in the list: a plan prefers kinds in that order.
type kinds struct {
	list   []Registered
	byName map[string]*Registered
	rank   map[*Registered]int
}

// desired is the desired state.
type desired struct {
	set   *spec.Set
	index *index
	// named are the namespaces that the files name; declared also has those in which linkd may have left something.
	named, declared map[string]spec.Namespace
	templates       []spec.Template
	// left are the declared namespaces that no file names.
	left map[string]bool
	// partial: the desired state is not known completely, so nothing counts as undeclared.
	partial bool
	// anew: Engine.Declare has not passed the declared namespaces to the world yet.
	anew bool
	// search: no journal says what an earlier run left.
	search bool
	// within limits what counts as undeclared, and leftAlone are the resources that stay because of that.
	within    spec.Within
	leftAlone map[spec.ID][]string
}

// found is the observed state, with what is known about its age.
type found struct {
	observed
	relations map[string]*relations
	losses    *losses
	// memories are the caches of large scopes that are looked at as a whole.
	memories map[scope]*Memory
	// onLinks are the indexes of large scopes that are looked at by link.
	onLinks map[scope]*onLinks
	// inPart are the scopes in which single resources were looked at since the last look at everything.
	inPart map[scope]bool
	// compared are the scopes that have been compared completely with the present desired state.
	compared map[scope]bool
	// lookErrors are the errors of the last looks, by scope.
	lookErrors map[scope]error
	// stale are the scopes that had events when nothing in them mattered.
	stale map[scope]bool
	// sought are the scopes without desired or recorded resources in which something that linkd made may have come back.
	sought map[scope]bool
	// unclear are the resources that an op was about to make; the next look finds out.
	unclear idSet
	// inTheWay are the scopes with foreign resources that prevent ops, and the IDs of these ops.
	inTheWay map[scope]map[spec.ID]bool
	// claiming are the resources with a mark that looks have found since noteUnconfirmed, while the journal is lost.
	claiming idSet
	// claims are the names that lead to each namespace.
	claims map[observe.Identity]*byKey[bool]
}

// NewCore makes a core without a desired state.
func NewCore(registered []Registered, journal *Journal, log *slog.Logger) *Core {
	c := &Core{
		Now:     time.Now(),
		kinds:   kinds{list: registered, byName: map[string]*Registered{}, rank: map[*Registered]int{}},
		journal: journal,
		desired: desired{set: &spec.Set{}, index: newIndex(nil), search: journal.Fresh},
		domains: map[string]*domain{},
		found: found{
			observed: observed{}, relations: map[string]*relations{}, memories: map[scope]*Memory{}, onLinks: map[scope]*onLinks{}, inPart: map[scope]bool{}, compared: map[scope]bool{}, lookErrors: map[scope]error{}, stale: map[scope]bool{}, sought: map[scope]bool{}, unclear: newIDSet(), claiming: newIDSet(),
			inTheWay: map[scope]map[spec.ID]bool{}, claims: map[observe.Identity]*byKey[bool]{},
		},
		plan:     newPlan(),
		verdicts: newVerdicts(),
		reporter: newReporter(log),
		lost:     journal.Lost || !journal.hasDevices(),
	}
	c.plan.onlyPrograms = !slices.ContainsFunc(registered, func(k Registered) bool { return !k.Programs })
	for i := range c.kinds.list {
		k := &c.kinds.list[i]
		c.kinds.byName[k.Name] = k
		c.kinds.rank[k] = i
		if k.related() {
			c.found.relations[k.Name] = newRelations(k)
		}
	}
	c.found.losses = newLosses(c.found.observed, c.found.relations)
	return c
}

// Search makes the next look search everything for linkd's marks, as without a journal.
func (c *Core) Search() { c.desired.search = true }

// Topics returns the topics of all kinds.
func (c *Core) Topics() []observe.Topic {
	var topics []observe.Topic
	for i := range c.kinds.list {
		for _, t := range c.kinds.list[i].Topics {
			if !slices.Contains(topics, t) {
				topics = append(topics, t)
			}
		}
	}
	return topics
}

// domain returns the domain of a namespace, and makes it if necessary.
func (c *Core) domain(name string) *domain {
	d := c.domains[name]
	if d == nil {
		d = newDomain(name)
		c.domains[name] = d
	}
	return d
}

// laneOf returns the lane in which a scope is looked at; nil if the namespace is not declared.
func (c *Core) laneOf(s scope) *lane {
	d, k := c.domains[s.ns], c.kinds.byName[s.kind]
	if d == nil || k == nil {
		return nil
	}
	return d.lane(k)
}

// identity returns the identity of a namespace; "" if it is not known to exist.
func (c *Core) identity(name string) observe.Identity {
	if d := c.domains[name]; d != nil {
		return d.location.Identity
	}
	return ""
}

// missing returns why a namespace cannot be used, or nil.
func (c *Core) missing(name string) error {
	if d := c.domains[name]; d != nil {
		return d.missing
	}
	return nil
}

// markAll makes everything in a domain dirty and ends the rest of its lanes.
func (c *Core) markAll(d *domain) {
	for _, l := range d.lanes {
		delete(c.plan.resting, l)
		l.urgent = true
	}
	for i := range c.kinds.list {
		c.mark(d, &c.kinds.list[i], wholeScope)
	}
}

// mark makes a part of a kind in a domain dirty.
func (c *Core) mark(d *domain, k *Registered, x coverage) {
	l := d.lane(k)
	if l.programs && d.missing != nil {
		// The lane is looked at once the namespace exists.
		return
	}
	if len(l.dirty) == 0 {
		l.dirtySince = c.Now
	}
	l.mark(k.Name, x)
	c.plan.wantLook(l)
}

// Quiet reports whether no work is outstanding or due now.
func (c *Core) Quiet() bool {
	return c.plan.todo.empty() && len(c.plan.requests)+len(c.plan.tasks)+c.plan.looks.n+len(c.plan.failures) == 0 && !c.plan.isAwaited()
}

// isAwaited reports whether something waits for a look at a resting lane.
func (p *plan) isAwaited() bool {
	for l := range p.resting {
		if len(l.dirty) > 0 && (l.urgent || !l.waiting.empty()) {
			return true
		}
	}
	return false
}

// unfinished reports whether work is outstanding, or due now or later.
func (c *Core) unfinished() bool {
	if !c.Quiet() {
		return true
	}
	for l := range c.plan.resting {
		if len(l.dirty) > 0 {
			return true
		}
	}
	return false
}

// Settled reports whether all outstanding work is in namespaces that do not keep up.
func (c *Core) Settled() bool {
	if !c.plan.todo.empty() || c.plan.prompt > 0 || len(c.plan.failures) > 0 || c.plan.isAwaited() {
		return false
	}
	for _, r := range c.plan.requests {
		if c.Now.Sub(r.since) < behindTime {
			return false
		}
	}
	return !c.working()
}

// isLate reports whether a task waits for a namespace that does not keep up.
func (t *task) isLate() bool {
	for _, l := range t.lanes {
		if l.request != nil && l.request.late {
			return true
		}
	}
	return slices.ContainsFunc(t.firsts, func(first *task) bool { return first.state != taskOver && first.isLate() })
}

// behindTime is the time after which a namespace counts as not keeping up.
const behindTime = time.Second

// Behind returns the namespaces that do not keep up, sorted by name.
func (c *Core) Behind() (behind []Behind) {
	since := map[string]time.Time{}
	note := func(ns string, at time.Time) {
		if c.Now.Sub(at) < behindTime {
			return
		}
		if before, known := since[ns]; !known || at.Before(before) {
			since[ns] = at
		}
	}
	for _, r := range c.plan.requests {
		note(r.NS, r.since)
	}
	for id, t := range c.plan.tasks {
		if !t.isLate() {
			note(id.NS, t.since)
		}
	}
	for l := range c.plan.resting {
		if len(l.dirty) > 0 {
			note(l.domain.name, l.dirtySince)
		}
	}
	for l := range c.plan.looks.all() {
		note(l.domain.name, l.dirtySince)
	}
	for _, ns := range slices.Sorted(maps.Keys(since)) {
		behind = append(behind, Behind{ns, since[ns]})
	}
	return behind
}

// origin returns where a resource is declared; "" if no file declares it any more.
func (c *Core) origin(id spec.ID) string {
	if want := c.desired.set.Get(id); want != nil {
		return want.Origin().String()
	}
	return ""
}
