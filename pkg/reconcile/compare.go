package reconcile

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// comparison is everything between the two reads, and pure: wanted and found go in, a plan and a verdict for each
// wanted resource come out.
type comparison struct {
	kinds      map[string]*Registered
	rank       map[*Registered]int
	want       []wanted
	found      observed
	missing    func(ns string) error                 // why a namespace cannot be looked at
	lookErrors map[scope]error                       // scopes that could not be looked at
	held       func(id spec.ID) (v Verdict, is bool) // what is not to be tried now, and why
	dueRenewal func(id spec.ID) bool                 // whether the time has come to make anew what is of no use
	ready      func(r spec.Resource) bool            // whether all is known that a found resource depends on
	// surveyed tells whether all is known that an op may end somewhere; if not, its resource waits for that.
	surveyed func(id spec.ID, at lookout) bool
	journal  *Journal
	identity func(ns string) observe.Identity
	// partial: it is not known all that is wanted, so nothing may be taken for undeclared.
	partial bool
	// A comparison may be of a part only: then want is what is wanted in that, all is what is wanted everywhere, and past
	// is how that stood.
	workset *workset
	all     *index
	past    func(id spec.ID) Verdict

	byID     map[spec.ID]*wanted
	makers   map[string]spec.ID
	ops      map[spec.ID]*Op
	verdicts map[spec.ID]Verdict
	// conditions are those of what is as wanted.
	conditions map[spec.ID]Condition
	settled    map[spec.ID]bool
	remember   []journalChange
	// takenFrom is what has been fetched, by its home, once somebody asks, and renamed what only gets another name.
	takenFrom map[spec.ID]spec.Resource
	renamed   map[spec.ID]bool
	// inTheWay is where the things are that linkd did not make and would have ended, and by the ops on what.
	inTheWay map[scope]map[spec.ID]bool
	// unready are the found resources of which not all is known that they depend on.
	unready map[spec.ID]bool
}

// wanted is a resource that the files ask for; err tells why it could not be completed.
type wanted struct {
	spec.Resource
	err error
}

// journalChange is what the journal should learn of a resource.
type journalChange struct {
	id            spec.ID
	changeJournal func(*Journal)
}

func (c *comparison) changeJournal(id spec.ID, learn func(*Journal)) {
	c.remember = append(c.remember, journalChange{id, learn})
}

// run compares. The journal is only read; remember is what it should learn.
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
	if !c.partial {
		c.planRemovals()
	}
	c.refuseVictims()
	c.waitForAllNeeds()
	// Only what is really made anew takes others with it, and what is made again with it may have to wait in its turn.
	c.planDependents()
	c.waitForAllNeeds()
	c.explainReturns()
	ops := make([]*Op, 0, len(c.ops))
	for _, op := range c.ops {
		ops = append(ops, op)
	}
	return order(ops, c.rank, c.needs), c.verdicts
}

// wanted is the resource that the files ask for by that ID, or nil.
func (c *comparison) wanted(id spec.ID) spec.Resource {
	if w := c.byID[id]; w != nil {
		return w.Resource
	}
	return c.all.want.Get(id)
}

// verdict is how a wanted resource stands, be it of this comparison or of an earlier one.
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

// maker is the resource that makes a namespace.
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
			// What it depended on is gone, so it must not stay behind: an exposed namespace without its process.
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
			c.verdicts[id] = verdictOf(err)
			return
		}
	}
	have := c.found.get(id)
	if have == nil && w.Resource.Relations().OnlyFound {
		c.verdicts[id] = Verdict{Pending, "there is none yet, and linkd does not make it"}
		return
	}
	if origin, fetched := fetchedFrom(have); fetched && !w.Resource.Relations().OnlyFound {
		c.compareWithFetched(w.Resource, have, kind, origin)
		return
	}
	op := &Op{Verb: Create, Want: w.Resource, Have: have, kind: kind}
	if e, remembered := c.journal.Recall(id); have == nil && remembered && !e.Set && e.Print == "" && c.identity(id.NS) != "" {
		// It was to be made, and was not: what others make under its name is theirs.
		c.changeJournal(id, func(j *Journal) { j.Forget(id) })
	}
	if have != nil {
		op.Want, op.Because = c.fillUnmanaged(kind, w.Resource, have)
		if op.Why = kind.Diff(op.Want, have); len(op.Why) == 0 {
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
			c.verdicts[id] = Verdict{Failed, conflict(kind, op.Why)}
			return
		case replace:
			op.Verb = Replace
		}
	}
	if held, is := c.held(id); is {
		c.verdicts[id] = held
		return
	}
	c.ops[id] = op
	c.verdicts[id] = Verdict{State: OK}
}

// converged notes what the journal should know of a resource that is as wanted, and returns whether it is of use.
func (c *comparison) converged(kind *Registered, want, have spec.Resource) (condition Condition) {
	id := want.ID()
	condition = kind.health(want, have)
	condition.State = cmp.Or(condition.State, OK)
	c.verdicts[id], c.conditions[id] = condition.Verdict, condition
	e, remembered := c.journal.Get(id, c.identity(id.NS))
	print, _ := kind.fingerprint(have)
	wrote, setting := kind.before(want, want)
	switch {
	case setting && remembered && (!e.Set || e.Wrote == wrote && e.Earlier == ""):
		return condition
	case setting:
		// It is as wanted without linkd's doing. When somebody changes it and linkd corrects that, this is what it was,
		// unless it came with what linkd took over: then it is as if it had been set when that was made.
		before, _ := kind.before(want, have)
		if e, remembered := c.journal.ofSetting(kind, want, have, c.identity(id.NS)); remembered {
			before = oldest(e.Before, before)
		} else if kind.adopts(want, have) {
			before, _ = kind.before(want, nil)
		}
		c.changeJournal(id, func(j *Journal) {
			j.Put(id, Entry{Identity: c.identity(id.NS), Set: true, Before: before, Wrote: wrote})
		})
		return condition
	case !(c.owned(kind, have) || kind.adopts(want, have)) || (remembered && e.Print == print):
		return condition
	}
	_, fetched := fetchedFrom(want)
	e = Entry{Identity: c.identity(id.NS), Print: print, Makes: makes(want), Fetched: fetched}
	c.changeJournal(id, func(j *Journal) { j.Put(id, e) })
	return condition
}

func verdictOf(err error) Verdict {
	if errors.Is(err, observe.ErrPending) {
		return Verdict{Pending, err.Error()}
	}
	return Verdict{Failed, err.Error()}
}

func conflict(kind *Registered, why []Field) string {
	text := "it is there already, and linkd did not make it, so it is left alone (" + strings.Join(Strings(why), ", ") + ")"
	switch replace := slices.ContainsFunc(why, func(f Field) bool { return f.Replace }); {
	case kind.adoptable() && replace:
		text += "; remove it"
	case kind.adoptable():
		text += "; remove it, or write adopt: true"
	}
	return text
}

// owned: linkd made it, and may delete it.
func (c *comparison) owned(kind *Registered, have spec.Resource) bool {
	if kind.Owned(have) {
		// A mark in a foreign namespace may end what is in there, and nothing elsewhere.
		return !have.Relations().PeerUnmarked || !c.onlyMarked(have)
	}
	print, unmarked := kind.fingerprint(have)
	e, remembered := c.journal.Get(have.ID(), c.identity(have.ID().NS))
	return unmarked && remembered && !e.Set && !e.Fetched && (e.Print == "" || print == "" || e.Print == print)
}

// claimed: linkd made it, or made what stood in its place before somebody replaced it, and may correct it.
func (c *comparison) claimed(kind *Registered, have spec.Resource) bool {
	if c.owned(kind, have) {
		return true
	}
	_, unmarked := kind.fingerprint(have)
	e, remembered := c.journal.Get(have.ID(), c.identity(have.ID().NS))
	return !unmarked && remembered && !e.Set && !kind.separate()
}
