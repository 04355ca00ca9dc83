package reconcile

import (
	"errors"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// comparison turns desired and observed resources into a plan and a verdict for each desired resource. It is pure: it
// makes no system call and only reads the journal.
type comparison struct {
	kinds      map[string]*Registered
	rank       map[*Registered]int
	want       []wanted
	found      observed
	losses     *losses
	missing    func(ns string) error                 // why a namespace cannot be looked at
	lookErrors map[scope]error                       // scopes that could not be looked at
	held       func(id spec.ID) (v Verdict, is bool) // resources that must not be tried now, and their verdicts
	dueRenewal func(id spec.ID) bool                 // whether to make a resource that does not work again now
	ready      func(r spec.Resource) bool            // whether everything that an observed resource depends on is known
	// isComplete reports whether a namespace has been looked at completely, as an op that may delete something there
	// requires; if not, the resource waits for that look.
	isComplete func(id spec.ID, at affectedNS) bool
	journal    *Journal
	identity   func(ns string) observe.Identity
	// engine returns the name of the container engine that made a namespace; "" if none did.
	engine func(ns string) string
	// partial: the desired state is not known completely, so nothing counts as undeclared.
	partial bool
	// within are the files of the desired state, and left gets the resources of other files.
	within spec.Within
	left   map[spec.ID][]string
	// workset limits a comparison to a part; nil is everything. Then want are the desired resources of that part, all
	// those of every part, and past returns their earlier verdicts.
	workset *workset
	all     *index
	past    func(id spec.ID) Verdict

	byID     map[spec.ID]*wanted
	makers   map[string]spec.ID
	ops      map[spec.ID]*Op
	verdicts map[spec.ID]Verdict
	// conditions are those of the resources that are as desired.
	conditions map[spec.ID]Condition
	settled    map[spec.ID]bool
	remember   []journalChange
	// takenFrom are the fetched resources by their origins, once fetched has been called. renamed are the resources
	// that only get another name.
	takenFrom map[spec.ID]spec.Resource
	renamed   map[spec.ID]bool
	// inTheWay are the scopes with foreign resources that prevent ops, and the IDs of these ops.
	inTheWay map[scope]map[spec.ID]bool
	// unready are the observed resources that depend on something unknown.
	unready map[spec.ID]bool
}

// wanted is a desired resource; err says why it could not be completed.
type wanted struct {
	spec.Resource
	err error
}

// journalChange is a change of the journal that follows from the comparison.
type journalChange struct {
	id            spec.ID
	changeJournal func(*Journal)
}

func (c *comparison) changeJournal(id spec.ID, change func(*Journal)) {
	c.remember = append(c.remember, journalChange{id, change})
}

// run compares. It only reads the journal; remember are the changes of the journal.
func (c *comparison) run() (Plan, map[spec.ID]Verdict) {
	c.byID = make(map[spec.ID]*wanted, len(c.want))
	c.makers = map[string]spec.ID{}
	c.ops = map[spec.ID]*Op{}
	c.verdicts = make(map[spec.ID]Verdict, len(c.want))
	c.conditions = map[spec.ID]Condition{}
	c.settled = map[spec.ID]bool{}
	c.inTheWay = map[scope]map[spec.ID]bool{}
	c.unready = map[spec.ID]bool{}
	c.renamed = map[spec.ID]bool{}
	if c.all == nil {
		everything := &spec.Set{}
		for _, w := range c.want {
			everything.Add(w.Resource)
		}
		c.all = newIndex(everything)
	}
	for i := range c.want {
		c.byID[c.want[i].ID()] = &c.want[i]
	}
	for i := range c.want {
		c.compare(&c.want[i])
	}
	c.refuseOthers()
	if !c.partial {
		c.planRemovals()
	}
	c.refuseVictims()
	c.waitForAllNeeds()
	// Only ops that really make a resource anew affect its dependents, and a dependent may have to wait in turn.
	c.planDependents()
	c.waitForAllNeeds()
	c.explainReturns()
	ops := make([]*Op, 0, len(c.ops))
	for id, op := range c.ops {
		if op.Want != nil && !op.forget {
			e, _ := c.journal.Get(id, c.identity(id.NS))
			op.files = c.declaredBy(op.Want, e)
		}
		ops = append(ops, op)
	}
	c.noteFreed(ops)
	return order(ops, c.rank, c.needs), c.verdicts
}

// wanted returns the desired resource of an ID, or nil.
func (c *comparison) wanted(id spec.ID) spec.Resource {
	if w := c.byID[id]; w != nil {
		return w.Resource
	}
	return c.all.want.Get(id)
}

// verdict returns the verdict on a desired resource from this comparison or an earlier one.
func (c *comparison) verdict(id spec.ID) Verdict {
	if v, compared := c.verdicts[id]; compared {
		return v
	}
	if c.past == nil {
		return Verdict{}
	}
	return c.past(id)
}

func (c *comparison) needs(r spec.Resource) []spec.ID { return c.all.needs(r, c.makers) }

// maker returns the resource that makes a namespace.
func (c *comparison) maker(ns string) (maker spec.ID, made bool) {
	if maker, made = c.makers[ns]; !made {
		maker, made = c.all.makers[ns]
	}
	return maker, made
}

func (c *comparison) compare(w *wanted) {
	id := w.ID()
	kind := c.kinds[id.Kind]
	if w.err != nil {
		c.verdicts[id] = verdictOf(w.err)
		if have := c.found.get(id); have != nil && c.owned(kind, have) && errors.Is(w.err, observe.ErrPending) {
			// The resource must not outlive what it depended on: an exposed namespace without its process.
			c.ops[id] = &Op{Verb: Delete, Have: have, Because: w.err.Error(), kind: kind}
		}
		return
	}
	if origin, fetched := fetchedFrom(w.Resource); fetched {
		c.compareFetched(w.Resource, kind, origin)
		return
	}
	for _, ns := range namespacesOf(w.Resource) {
		if err := c.whyUnavailable(scope{ns, id.Kind}); err != nil {
			c.verdicts[id] = c.verdictIn(ns, err)
			return
		}
	}
	have := c.found.get(id)
	if have == nil && w.Resource.Relations().OnlyFound {
		c.verdicts[id] = Verdict{State: Pending, Reason: "it does not exist yet, and linkd does not create it"}
		return
	}
	if origin, fetched := fetchedFrom(have); fetched && !w.Resource.Relations().OnlyFound {
		c.compareWithFetched(w.Resource, have, kind, origin)
		return
	}
	op := &Op{Verb: Create, Want: w.Resource, Have: have, kind: kind}
	if e, remembered := c.journal.Recall(id); have == nil && remembered && !e.Set && e.Print == "" && c.identity(id.NS) != "" {
		// linkd was about to make it and did not, so a resource of that ID is foreign.
		c.changeJournal(id, func(j *Journal) { j.Forget(id) })
	}
	if have != nil {
		op.Want, op.Because = c.fillUnmanaged(kind, w.Resource, have)
		if value, strict := kind.roams(op.Want); value != "" && c.roamsFrom(id) != value {
			op.Want = strict
		}
		op.Why = kind.Diff(op.Want, have)
		saved := c.hasSaved(kind, id)
		if saved {
			op.Because = savedNote
		}
		if len(op.Why) == 0 && !saved {
			condition := c.converged(kind, w.Resource, have)
			if !condition.Renew || !c.dueRenewal(id) || !c.claimed(kind, have) {
				return
			}
			op.Verb, op.Because = Replace, condition.Reason
			c.ops[id] = op
			c.verdicts[id] = Verdict{State: OK}
			return
		}
		op.Verb = Update
		_, setting := kind.before(w.Resource, have)
		replace := slices.ContainsFunc(op.Why, func(f Field) bool { return f.Replace })
		switch {
		case setting:
		case !c.claimed(kind, have) && (replace || !kind.adopts(w.Resource, have)):
			c.verdicts[id] = Verdict{State: Failed, Reason: c.conflict(kind, op)}
			return
		case replace:
			op.Verb = Replace
			op.dropRestored(w.Resource)
		}
	}
	if held, is := c.held(id); is {
		c.verdicts[id] = held
		return
	}
	c.ops[id] = op
	c.verdicts[id] = Verdict{State: OK}
}

// owned reports whether linkd made a resource, and so may delete it.
func (c *comparison) owned(kind *Registered, have spec.Resource) bool {
	if kind.Owned(have) {
		// A mark in a foreign namespace allows deletions there, and none elsewhere.
		return !have.Relations().PeerUnmarked || !c.onlyMarked(have)
	}
	print, unmarked := kind.fingerprint(have)
	e, remembered := c.journal.Get(have.ID(), c.identity(have.ID().NS))
	if !unmarked || !remembered || e.Set || e.Fetched {
		return false
	}
	if e.Print == "" {
		return kind.unfinished(have)
	}
	return print == "" || e.Print == print
}

// claimed reports whether linkd made a resource, or made the one that somebody replaced it with, and so may repair
// it.
func (c *comparison) claimed(kind *Registered, have spec.Resource) bool {
	if c.owned(kind, have) {
		return true
	}
	_, unmarked := kind.fingerprint(have)
	e, remembered := c.journal.Get(have.ID(), c.identity(have.ID().NS))
	return !unmarked && remembered && !e.Set && !kind.separate()
}
