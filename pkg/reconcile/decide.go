package reconcile

import (
	"errors"
	"maps"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// errNotLooked says that a namespace has news that nobody has looked at yet.
var errNotLooked = errors.New("not looked at yet")

// decide compares what can be compared, and puts what has to be done into the plan. What depends on a namespace that is
// being looked at, or changed, waits for that.
func (c *Core) decide() {
	if !c.plan.todo.empty() && !c.plan.waits(c.Now) {
		todo := c.plan.todo
		c.plan.todo = newWorkset()
		c.desired.index.addRelated(todo)
		c.desired.index.addFetched(todo, c.found.observed)
		c.compare(todo)
	}
}

// ready tells whether all is known that a resource depends on; if not, it is compared once that is so.
func (c *Core) ready(r spec.Resource) bool {
	id := r.ID()
	if c.plan.failures[id] != nil {
		// It is judged once the rest has been done.
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

// cleanFor tells whether a scope is known; if not, id waits for it.
func (c *Core) cleanFor(id spec.ID, s scope) bool {
	l := c.laneOf(s)
	if l == nil || l.clean() {
		return true
	}
	if c.plan.relaxed && l.request.looks() && l.asOf.After(c.Now.Add(-2*c.plan.patience)) {
		// It changes all the time.
		return true
	}
	l.waiting.ids[id] = true
	return false
}

// located is where a namespace is, as far as that is known.
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

// completed fills in what a wanted resource can only know from what was found; ok is false where that is not known yet.
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

// compare compares a part of all there is, as far as it is known.
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
			// What is not seen there yet is not gone.
			delete(todo.ids, id)
		}
	}
	var want []wanted
	for _, r := range c.desired.index.in(todo) {
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
		kinds: c.kinds.byName, rank: c.kinds.rank, all: c.desired.index, past: c.stood, want: want,
		found: c.found.observed, missing: c.missing, lookErrors: c.found.lookErrors, held: c.held, dueRenewal: c.dueRenewal,
		journal: c.journal, partial: c.desired.partial, identity: c.identity, workset: &todo, ready: c.ready, surveyed: c.surveyor(),
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
			// It is looked at there for as long as anything is remembered.
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

// stood is how a resource stood when it was last compared; that is not known of one that was to be made then, and was not.
func (c *Core) stood(id spec.ID) Verdict {
	v := c.verdictOf[id]
	if v.State == OK && c.found.get(id) == nil && c.plan.tasks[id] == nil && !c.plan.dryRun {
		return Verdict{}
	}
	return v
}

// setVerdicts notes how what was compared stands.
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

// noteAsWanted notes that a resource was found as it is wanted.
func (c *Core) noteAsWanted(id spec.ID) {
	c.notOK.remove(id)
	c.wasOK[id] = true
	delete(c.changes, id)
	if t := c.attempts[id]; t != nil {
		t.failures, t.again, t.reconsidered, t.renewals, t.renewAt = 0, false, 0, 0, time.Time{}
		if len(t.corrections) == 0 {
			delete(c.attempts, id)
		}
	}
}

// forgetVerdict forgets how something stood that nobody wants, and of which nothing is left.
func (c *Core) forgetVerdict(id spec.ID) {
	c.notOK.remove(id)
	delete(c.awaited, id)
	delete(c.verdictOf, id)
	delete(c.changes, id)
	delete(c.failed, id)
	c.toReport[id] = true
	c.dirtied = true
}

// setVerdict notes how a resource stands, and tells whether it stood otherwise.
func (c *Core) setVerdict(id spec.ID, v Verdict) (changed bool) {
	old, known := c.verdictOf[id]
	if known && old == v {
		return false
	}
	c.verdictOf[id] = v
	c.dirtied = true
	c.rows.set(id, v)
	c.notOK.add(id)
	c.toReport[id] = true
	if v.State != OK {
		// What is not there cannot be undone by anybody.
		delete(c.wasOK, id)
	}
	return true
}

// noteChange has what needs a resource, and is not as wanted, compared again: the resource stands otherwise than before.
func (c *Core) noteChange(id spec.ID) {
	for _, dependent := range c.desired.index.allDependents()[id] {
		if v := c.verdictOf[dependent]; v.State != OK {
			c.plan.todo.ids[dependent] = true
		}
	}
}

// needs are the resources that r names, and the makers of the namespaces that it is in or reaches into.
func (c *Core) needs(r spec.Resource) []spec.ID { return c.desired.index.needs(r, nil) }

// forgetNamespaces stops looking for namespaces that are gone, that no file names, and in which nothing of linkd's can
// be left.
func (c *Core) forgetNamespaces() {
	var remembered map[string]spec.Selector
	for name := range c.desired.left {
		d := c.domains[name]
		if d.missing == nil {
			continue
		}
		if remembered == nil {
			remembered = c.journal.Namespaces()
		}
		if _, left := remembered[name]; !left {
			delete(c.desired.declared, name)
			delete(c.desired.left, name)
			c.dropDomain(name)
		}
	}
}
