package reconcile

import (
	"errors"
	"maps"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// errNotLooked says that a namespace has not been looked at yet.
var errNotLooked = errors.New("not looked at yet")

// decide compares what can be compared, and adds the ops to the plan. A resource waits while a namespace that it
// depends on is being looked at or changed.
func (c *Core) decide() {
	if !c.plan.todo.empty() && !c.plan.waits(c.Now) {
		todo := c.plan.todo
		c.plan.todo = newWorkset()
		c.desired.index.addRelated(todo)
		c.desired.index.addFetched(todo, c.found.observed)
		c.unannounced.noteComparison(todo)
		c.compare(todo)
	}
}

// ready reports whether everything that a resource depends on is known; if not, the resource is compared once it is.
func (c *Core) ready(r spec.Resource) bool {
	id := r.ID()
	if c.plan.failures[id] != nil {
		// The failure is judged after all other work.
		return false
	}
	k := c.kinds.byName[id.Kind]
	for _, ns := range namespacesOf(r) {
		if !c.cleanFor(id, scope{ns, k.Name}) {
			return false
		}
	}
	for _, need := range c.needs(r) {
		if s := c.plan.failures[need]; s != nil {
			c.stop(id, s)
			return false
		}
		if !c.cleanFor(id, scopeOf(need)) {
			return false
		}
	}
	return true
}

// cleanFor reports whether a scope is known; if not, id waits for it.
func (c *Core) cleanFor(id spec.ID, s scope) bool {
	l := c.laneOf(s)
	if l == nil || l.clean() {
		return true
	}
	if c.plan.relaxed && l.request.looks() && l.asOf.After(c.Now.Add(-2*c.plan.patience)) {
		// The lane is always dirty. A look of a moment ago is good enough.
		return true
	}
	l.waiting.ids[id] = true
	return false
}

// located returns where a namespace is, or errNotLooked.
func (c *Core) located(name string) (observe.Location, error) {
	d := c.domains[name]
	switch {
	case d == nil:
		return observe.Location{}, observe.Pendingf("namespace %q is not declared", name)
	case d.missing != nil:
		return observe.Location{}, d.missing
	case d.location.Identity == "":
		return observe.Location{}, errNotLooked
	}
	return d.location, nil
}

// completed fills in the fields of a desired resource that depend on observed ones; ok is false if these are not
// known yet.
func (c *Core) completed(r spec.Resource) (w wanted, ok bool) {
	waitsFor := ""
	done, err := c.kinds.byName[r.ID().Kind].complete(func(ns string) (observe.Location, error) {
		at, err := c.located(ns)
		if err == errNotLooked {
			waitsFor = ns
		}
		return at, err
	}, r)
	if waitsFor != "" {
		c.domain(waitsFor).lanes[netlinkLane].waiting.ids[r.ID()] = true
		return w, false
	}
	if err != nil {
		done = r
	}
	return wanted{done, err}, true
}

// compare compares a workset, as far as it is known.
func (c *Core) compare(todo workset) {
	dropped := c.dropEnds(todo)
	for s := range todo.scopes {
		if l := c.laneOf(s); l != nil && !l.clean() {
			l.waiting.scopes[s] = true
			delete(todo.scopes, s)
		}
	}
	for id := range todo.ids {
		if c.desired.set.Get(id) == nil && !c.cleanFor(id, scopeOf(id)) {
			// A resource that is missing in the last look may exist now.
			delete(todo.ids, id)
		}
	}
	var want []wanted
	for _, r := range c.desired.index.of(todo) {
		if !c.ready(r) {
			delete(todo.ids, r.ID())
			continue
		}
		if w, known := c.completed(r); known {
			want = append(want, w)
		} else {
			delete(todo.ids, r.ID())
		}
	}
	for _, id := range inOrder(todo.ids, spec.ID.Compare) {
		dropped = c.drop(dropped, id)
	}
	for _, w := range want {
		dropped = c.drop(dropped, w.ID())
	}
	defer func() { c.releaseNext(dropped) }()
	cmp := &comparison{
		kinds: c.kinds.byName, rank: c.kinds.rank, all: c.desired.index, past: c.lastVerdict, want: want,
		found: c.found.observed, losses: c.found.losses, missing: c.missing, lookErrors: c.found.lookErrors, held: c.held, dueRenewal: c.dueRenewal,
		engine:  func(ns string) string { return c.desired.declared[ns].Selector.Engine() },
		journal: c.journal, partial: c.desired.partial, within: c.desired.within, left: c.desired.leftAlone, identity: c.identity, workset: &todo, ready: c.ready, isComplete: c.completeness(),
	}
	ops, verdicts := cmp.run()
	for s := range todo.scopes {
		if c.found.lookErrors[s] == nil {
			c.found.compared[s] = true
		}
	}
	slices.SortStableFunc(cmp.remember, func(a, b journalChange) int { return a.id.Compare(b.id) })
	for _, l := range cmp.remember {
		if d, declared := c.desired.declared[l.id.NS]; declared {
			// linkd looks at that namespace as long as it has journal entries.
			c.journal.Remember(l.id.NS, d.Selector)
		}
		l.changeJournal(c.journal)
	}
	for s, ids := range cmp.inTheWay {
		if c.found.inTheWay[s] == nil {
			c.found.inTheWay[s] = map[spec.ID]bool{}
		}
		maps.Copy(c.found.inTheWay[s], ids)
	}
	c.noteConditions(verdicts, cmp.conditions)
	c.setVerdicts(todo, cmp.unready, verdicts, ops)
	c.enqueue(c.noteCorrections(ops))
	c.forgetNamespaces()
}

// lastVerdict returns the verdict of the last comparison. There is none for a resource that should have been made
// then and was not.
func (c *Core) lastVerdict(id spec.ID) Verdict {
	v := c.verdictOf.of(id)
	if v.State == OK && c.found.get(id) == nil && c.plan.tasks[id] == nil && !c.plan.dryRun {
		return Verdict{}
	}
	return v
}

// setVerdicts records the verdicts of a comparison.
func (c *Core) setVerdicts(todo workset, unready map[spec.ID]bool, verdicts map[spec.ID]Verdict, ops Plan) {
	planned := make(map[spec.ID]bool, len(ops))
	for _, op := range ops {
		planned[op.ID()] = true
		c.notOK.add(op.ID())
	}
	for id := range c.notOK.of(todo) {
		if _, still := verdicts[id]; !still && c.desired.set.Get(id) == nil && !planned[id] && !unready[id] {
			c.forgetVerdict(id)
		}
	}
	var changed []spec.ID
	for id, v := range verdicts {
		if c.setVerdict(id, v) {
			changed = append(changed, id)
		}
		if v.State == OK && !planned[id] {
			c.noteAsWanted(id)
		}
	}
	for _, id := range changed {
		c.noteChange(id)
	}
}

// noteAsWanted records that a resource was observed as desired.
func (c *Core) noteAsWanted(id spec.ID) {
	c.notOK.remove(id)
	c.noteSettled(id, true)
	c.noteWhole(id)
	if want := c.desired.set.Get(id); want != nil {
		if twin, is := alsoMakes(want); is {
			c.noteWhole(twin)
		}
		for _, need := range want.Needs() {
			if need.Kind == id.Kind {
				c.noteWhole(need)
			}
		}
	}
	delete(c.changes, id)
	if t := c.attempts[id]; t != nil {
		t.failures, t.again, t.reconsidered, t.renewals, t.renewAt = 0, false, 0, 0, time.Time{}
		if len(t.corrections) == 0 {
			c.forgetAttemptsOf(id)
		}
	}
}

// forgetVerdict drops the verdict of a resource that is neither desired nor left.
func (c *Core) forgetVerdict(id spec.ID) {
	c.notOK.remove(id)
	c.noteSettled(id, false)
	delete(c.awaited, id)
	delete(c.verdictOf, id)
	delete(c.changes, id)
	delete(c.failed, id)
	c.toReport[id] = true
	c.dirtied = true
}

// setVerdict records a verdict, and reports whether it differs from the last one.
func (c *Core) setVerdict(id spec.ID, v Verdict) (changed bool) {
	if old := c.verdictOf[id]; old != nil && *old == v {
		return false
	}
	c.dirtied = true
	c.rows.set(id, c.verdictOf.set(id, v))
	c.notOK.add(id)
	c.toReport[id] = true
	if v.State != OK {
		// Nobody can undo a resource that does not exist.
		delete(c.wasOK, id)
	}
	return true
}

// noteChange marks the dependents of a resource for comparison that are not as desired, because the resource has
// changed.
func (c *Core) noteChange(id spec.ID) {
	for _, dependent := range c.desired.index.allDependents()[id] {
		if v := c.verdictOf.of(dependent); v.State != OK {
			c.plan.todo.ids[dependent] = true
		}
	}
}

// needs returns the resources that r names, and the makers of its namespaces.
func (c *Core) needs(r spec.Resource) []spec.ID { return c.desired.index.needs(r, nil) }

// forgetNamespaces stops looking for namespaces that no longer exist, that no file names, and about which the journal
// has no entry.
func (c *Core) forgetNamespaces() {
	for name := range c.desired.left {
		if d := c.domains[name]; d.missing != nil && !c.journal.leadsTo(name) {
			delete(c.desired.declared, name)
			delete(c.desired.left, name)
			c.dropDomain(name)
		}
	}
}
