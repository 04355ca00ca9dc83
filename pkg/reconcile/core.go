package reconcile

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Core decides what to look at and what to change. It is a state machine: inputs change its state, Requests says what is to
// be done next, and Done is told what came of that. It does no I/O, starts no goroutine and takes no lock; one goroutine
// uses it.
//
// Everything is in domains, one for each namespace. What is asked of one waits for nothing in another: a namespace that
// does not answer, or has too much to tell, holds up only what needs it.
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
	// dirtied: something was found or done since that was last published.
	dirtied bool
	// lost: there was no journal, and what that leaves unconfirmed was not noted yet.
	lost bool
	// rechecked: since then, what is not as wanted was compared once more.
	rechecked bool
}

// kinds are the kinds of resource, by name and by the order in which a plan prefers them.
type kinds struct {
	list   []Registered
	byName map[string]*Registered
	rank   map[*Registered]int
}

// desired is what the files ask for.
type desired struct {
	set   *spec.Set
	index *index
	// named are the namespaces that the files name, and declared also those in which something may be left.
	named, declared map[string]spec.Namespace
	templates       []spec.Template
	// left are those that no file names.
	left map[string]bool
	// partial: it is not known all that is wanted, so nothing may be taken for undeclared.
	partial bool
	// anew: the world has not been told yet which namespaces are declared.
	anew bool
	// search: nothing tells what an earlier run left.
	search bool
}

// found is what was found, and how certain that is.
type found struct {
	observed
	relations map[string]*relations
	// memories are of the scopes with much in them that are looked at as a whole.
	memories map[scope]*Memory
	// onLinks are of the scopes with much in them that were looked at by link.
	onLinks map[scope]*onLinks
	// inPart are the scopes in which single resources were looked at since the last look at all.
	inPart map[scope]bool
	// compared are the scopes of which all that was found has been compared with what is wanted now.
	compared map[scope]bool
	// lookErrors are the scopes that could not be looked at.
	lookErrors map[scope]error
	// stale are the scopes that did not matter when there was news of them.
	stale map[scope]bool
	// unclear is what was to be made, and nobody has looked since.
	unclear idSet
	// inTheWay is where things are that linkd did not make and that are in the way of an op, and of which.
	inTheWay map[scope]map[spec.ID]bool
	// claims are the names that lead to each namespace.
	claims map[observe.Identity]map[string]bool
}

// NewCore makes a core that wants nothing yet.
func NewCore(registered []Registered, journal *Journal, log *slog.Logger) *Core {
	c := &Core{
		Now:     time.Now(),
		kinds:   kinds{list: registered, byName: map[string]*Registered{}, rank: map[*Registered]int{}},
		journal: journal,
		desired: desired{set: &spec.Set{}, index: newIndex(nil), search: journal.Fresh},
		domains: map[string]*domain{},
		found: found{
			observed: observed{}, relations: map[string]*relations{}, memories: map[scope]*Memory{}, onLinks: map[scope]*onLinks{}, inPart: map[scope]bool{}, compared: map[scope]bool{}, lookErrors: map[scope]error{}, stale: map[scope]bool{}, unclear: newIDSet(),
			inTheWay: map[scope]map[spec.ID]bool{}, claims: map[observe.Identity]map[string]bool{},
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
	return c
}

// Search makes the next look one for everything with linkd's mark, as it is where there is no journal.
func (c *Core) Search() { c.desired.search = true }

// Topics are the topics that the kinds hear.
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

// domain is that of a namespace, made where it is not known yet.
func (c *Core) domain(name string) *domain {
	d := c.domains[name]
	if d == nil {
		d = newDomain(name)
		c.domains[name] = d
	}
	return d
}

// laneOf is the lane in which a scope is looked at; nil where the namespace is not declared.
func (c *Core) laneOf(s scope) *lane {
	d, k := c.domains[s.ns], c.kinds.byName[s.kind]
	if d == nil || k == nil {
		return nil
	}
	return d.lane(k)
}

// identity is the namespace that a name stands for; "" where it is not known to be there.
func (c *Core) identity(name string) observe.Identity {
	if d := c.domains[name]; d != nil {
		return d.location.Identity
	}
	return ""
}

// missing is why a namespace is not there.
func (c *Core) missing(name string) error {
	if d := c.domains[name]; d != nil {
		return d.missing
	}
	return nil
}

// markAll makes all of a domain dirty. It is looked at now, however much of the time that has taken.
func (c *Core) markAll(d *domain) {
	for _, l := range d.lanes {
		delete(c.plan.resting, l)
		l.urgent = true
	}
	for i := range c.kinds.list {
		c.mark(d, &c.kinds.list[i], wholeScope)
	}
}

// mark makes an extent of a kind in a domain dirty.
func (c *Core) mark(d *domain, k *Registered, x coverage) {
	l := d.lane(k)
	if l.programs && d.missing != nil {
		// It is looked at once the namespace is there.
		return
	}
	if len(l.dirty) == 0 {
		l.dirtySince = c.Now
	}
	l.mark(k.Name, x)
	c.plan.wantLook(l)
}

// Quiet tells whether nothing is being done, and nothing is to be done now.
func (c *Core) Quiet() bool {
	return c.plan.todo.empty() && len(c.plan.requests)+len(c.plan.tasks)+c.plan.looks.n+len(c.plan.failures) == 0 && !c.plan.isAwaited()
}

// isAwaited tells whether something waits for a look at a lane that rests.
func (p *plan) isAwaited() bool {
	for l := range p.resting {
		if len(l.dirty) > 0 && (l.urgent || !l.waiting.empty()) {
			return true
		}
	}
	return false
}

// unfinished tells whether something is being done, or is to be done now or later.
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

// Settled tells whether nothing is being done, and nothing is to be done now, but for namespaces that do not keep up.
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

// isLate tells whether a task waits for a namespace that does not keep up.
func (t *task) isLate() bool {
	for _, l := range t.lanes {
		if l.request != nil && l.request.late {
			return true
		}
	}
	return slices.ContainsFunc(t.firsts, func(first *task) bool { return first.state != taskOver && first.isLate() })
}

// behindTime is from when on a namespace is said not to keep up.
const behindTime = time.Second

// Behind are the namespaces that do not keep up.
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

// origin is where a resource is declared; "" for one that no file declares any more.
func (c *Core) origin(id spec.ID) string {
	if want := c.desired.set.Get(id); want != nil {
		return want.Origin().String()
	}
	return ""
}
