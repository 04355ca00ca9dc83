package reconcile

import (
	"maps"
	"reflect"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Want sets the one desired state. Unless it is complete, nothing is taken for undeclared. Everything is looked at
// again, and what failed before is tried again.
func (c *Core) Want(d *spec.Desired, complete bool) {
	before := c.desired.set
	c.declare(d, complete)
	clear(c.attempts)
	for id := range c.wasOK {
		if want := c.desired.set.Get(id); want == nil || !reflect.DeepEqual(before.Get(id), want) {
			delete(c.wasOK, id)
		}
	}
	clear(c.verdictOf)
	clear(c.awaited)
	c.notOK = newIDSet()
	clear(c.failed)
	clear(c.found.inTheWay)
	c.rows = newRows(c.desired.set)
	c.reportAll = true
	c.LookAtAll()
	c.plan.anew = true
	for _, d := range c.domains {
		if l := d.lanes[netlinkLane]; len(l.dirty) > 0 && !l.late && (l.request == nil || !l.request.late) {
			c.plan.unseen[l] = true
		}
	}
}

// declare takes a desired state over.
func (c *Core) declare(d *spec.Desired, complete bool) {
	search := c.desired.search
	c.rechecked = false
	clear(c.found.compared)
	c.desired = desired{
		set: d.Resources, index: newIndex(d.Resources), partial: !complete, anew: true, search: search,
		left: map[string]bool{}, named: d.Namespaces, declared: maps.Clone(d.Namespaces), templates: d.Templates,
	}
	if c.desired.declared == nil {
		c.desired.declared = map[string]spec.Namespace{}
	}
	c.declareLeft()
	// Linkd's own namespace is always looked at: most of what it may have left is there.
	c.desired.declared[spec.Host] = spec.Namespace{Name: spec.Host, Selector: spec.Selector{Scheme: spec.Host}}
	for name := range c.domains {
		if _, declared := c.desired.declared[name]; !declared {
			c.dropDomain(name)
		}
	}
	for name := range c.desired.declared {
		c.domain(name)
	}
	c.cancelAll()
}

// dropDomain forgets a namespace that is not declared any more.
func (c *Core) dropDomain(name string) {
	d := c.domains[name]
	c.forget(d)
	c.claim(d, "")
	for _, l := range d.lanes {
		clear(l.dirty)
		delete(c.plan.retries, l)
		delete(c.plan.resting, l)
		delete(c.plan.unseen, l)
	}
	delete(c.domains, name)
}

// forget drops what was found in a namespace.
func (c *Core) forget(d *domain) {
	touched := map[string]map[spec.Place]bool{}
	for kind, rs := range c.found.relations {
		touched[kind] = map[spec.Place]bool{}
		for _, r := range c.found.observed[d.name][kind] {
			rs.remove(r, touched[kind])
		}
	}
	for kind, resources := range c.found.observed[d.name] {
		c.noteChanges(scope{d.name, kind}, resources, nil)
		delete(c.found.lookErrors, scope{d.name, kind})
		delete(c.found.onLinks, scope{d.name, kind})
	}
	delete(c.found.observed, d.name)
	maps.DeleteFunc(c.found.inPart, func(s scope, _ bool) bool { return s.ns == d.name })
	maps.DeleteFunc(c.found.memories, func(s scope, _ *Memory) bool { return s.ns == d.name })
	maps.DeleteFunc(c.found.lookErrors, func(s scope, _ error) bool { return s.ns == d.name })
	for kind, rs := range c.found.relations {
		for _, id := range rs.connect(c.found.observed, touched[kind]) {
			c.plan.todo.ids[id] = true
		}
	}
	d.location = observe.Location{}
}

// Pins are the namespaces that were found by a PID, as they were when linkd did something there: who has that PID now
// may be a stranger.
func (c *Core) Pins() map[string]observe.Identity {
	pins := map[string]observe.Identity{}
	for id, entry := range c.journal.Entries() {
		if c.desired.declared[id.NS].Selector.Scheme == "pid" {
			pins[id.NS] = entry.Identity
		}
	}
	return pins
}

// declareLeft adds the namespaces in which linkd has left something and that the files do not name any more. What is
// remembered follows a namespace to another name of it, and does not stay with a name that is another's now.
func (c *Core) declareLeft() {
	named := map[spec.Selector]string{}
	for name, ns := range c.desired.declared {
		named[ns.Selector] = name
	}
	left, renamed := c.journal.Namespaces(), map[string]string{}
	for name, selector := range left {
		if now, is := named[selector]; is && now != name {
			renamed[name] = now
		} else if _, taken := c.desired.declared[name]; taken && !is {
			renamed[name] = selector.String()
		}
	}
	c.journal.Rename(renamed)
	for name, selector := range left {
		if now, is := renamed[name]; is {
			name = now
		}
		if _, declared := c.desired.declared[name]; !declared {
			c.desired.declared[name] = spec.Namespace{Name: name, Selector: selector, Left: true}
			c.desired.left[name] = true
		}
	}
}

// WantTemplates sets a desired state that differs from the one before by what templates stand for: a container has come, say,
// or gone. What is wanted as before goes on as it stands, and only where something else is wanted is looked at, so that
// a newcomer does not wait until all who were there before it have been looked at.
func (c *Core) WantTemplates(d *spec.Desired, complete bool) {
	before := c.desired
	c.declare(d, complete)
	if before.partial && complete {
		// What was not known to be undeclared is now.
		c.compareAll()
	}
	for _, name := range slices.Sorted(maps.Keys(c.desired.declared)) {
		if before.declared[name] != c.desired.declared[name] {
			c.markAll(c.domain(name))
		}
	}
	for _, s := range inOrder(c.desired.index.relevant, scope.compare) {
		if !before.index.relevant[s] {
			c.markScope(s)
		}
	}
	c.rows = newRows(c.desired.set)
	for _, r := range c.desired.set.All() {
		id := r.ID()
		if !reflect.DeepEqual(before.set.Get(id), r) {
			c.decideAnew(id)
		} else if v, judged := c.verdictOf[id]; judged {
			c.rows.set(id, v)
		}
	}
	for _, r := range before.set.All() {
		if id := r.ID(); c.desired.set.Get(id) == nil {
			c.decideAnew(id)
		}
	}
}

// compareAll has everything compared that was found or is remembered.
func (c *Core) compareAll() {
	for ns, kinds := range c.found.observed {
		for kind := range kinds {
			c.plan.todo.scopes[scope{ns, kind}] = true
		}
	}
	for _, s := range c.journal.Scopes() {
		c.plan.todo.scopes[s] = true
	}
}

// decideAnew forgets how a resource stood, and looks at where it is or will be. Where its namespace is not declared any more,
// nothing of linkd's is left in it.
func (c *Core) decideAnew(id spec.ID) {
	c.verdicts.forget(id)
	c.toReport[id] = true
	c.markScope(scopeOf(id))
	c.noteChange(id)
}

func (c *Core) markScope(s scope) {
	if d, k := c.domains[s.ns], c.kinds.byName[s.kind]; d != nil && k != nil {
		c.mark(d, k, wholeScope)
	}
}

// LookAtAll makes everything dirty.
func (c *Core) LookAtAll() {
	for _, name := range slices.Sorted(maps.Keys(c.desired.declared)) {
		c.markAll(c.domain(name))
	}
}

// LookAtSilent makes dirty what may have changed without any event.
func (c *Core) LookAtSilent() {
	c.forgetAttempts()
	for i := range c.kinds.list {
		if k := &c.kinds.list[i]; k.Silent {
			for _, name := range slices.Sorted(maps.Keys(c.desired.declared)) {
				if s := (scope{name, k.Name}); c.matters(s) && !c.announced(s) {
					c.mark(c.domain(name), k, wholeScope)
				}
			}
		}
	}
}

// announced tells whether changes of all that was found in a scope of a silent kind are announced.
func (c *Core) announced(s scope) bool {
	found, kind := c.found.observed[s.ns][s.kind], c.kinds.byName[s.kind]
	for _, r := range found {
		if kind.silent(r) {
			return false
		}
	}
	return len(found) > 0
}

// matters tells whether anything in a scope is wanted, needed, remembered or in the way, or what is fetched may be there,
// which somebody may have taken anywhere. News of other scopes is no news.
func (c *Core) matters(s scope) bool {
	index := c.desired.index
	return index.relevant[s] || len(c.found.inTheWay[s]) > 0 || c.journal.Has(s) || index.fetchedKinds[s.kind] || c.journal.HasFetched(s.kind)
}

// Notify makes dirty what news is about. What waits for something there, an address that a route leaves by, say, is tried
// again soon: it may have come.
func (c *Core) Notify(news []observe.Notification) {
	heard := map[scope]bool{}
	defer c.retrySoon(heard)
	for _, n := range news {
		d := c.domains[n.NS]
		if d == nil {
			continue
		}
		if n.Topic == observe.NamespaceTopic {
			d.searches = 0
			c.markAll(d)
			// The kinds that hear of namespaces keep their names, which is done in linkd's own.
			n.NS = spec.Host
			d = c.domain(n.NS)
		}
		if !n.Foreign {
			c.causes[topicPlace{n.NS, n.Topic}] = n.By
		}
		for i := range c.kinds.list {
			k := &c.kinds.list[i]
			s := scope{n.NS, k.Name}
			switch {
			case !isAbout(k, n.Topic), n.Foreign && c.matters(s) && !c.hasProblemIn(s):
			case c.matters(s):
				c.mark(d, k, c.coverageOfNews(k, s, n))
				heard[s] = true
			default:
				c.found.stale[s] = true
			}
		}
	}
}

// retrySoon shortens the wait of what is pending in scopes of which there is news. News can come all the time, so there is
// a pause all the same.
func (c *Core) retrySoon(heard map[scope]bool) {
	soon := c.Now.Add(firstRetry)
	for id, t := range c.postponed {
		if heard[scopeOf(id)] && t.verdict.State == Pending && t.until.After(soon) {
			t.until = soon
		}
	}
}

func isAbout(k *Registered, t observe.Topic) bool {
	for _, heard := range k.Topics {
		if heard == t {
			return true
		}
	}
	return false
}
