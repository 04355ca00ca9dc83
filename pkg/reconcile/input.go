package reconcile

import (
	"maps"
	"reflect"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Want sets the whole desired state. Unless it is complete, nothing counts as undeclared. The core then looks at
// everything again and tries again what failed before.
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
			c.plan.notLooked[l] = true
		}
	}
}

// declare replaces the desired state.
func (c *Core) declare(d *spec.Desired, complete bool) {
	search := c.desired.search
	c.rechecked = false
	clear(c.found.compared)
	c.desired = desired{
		set: d.Resources, index: newIndex(d.Resources), partial: !complete, anew: true, search: search,
		within: d.Within, leftAlone: map[spec.ID][]string{},
		left: map[string]bool{}, named: d.Namespaces, declared: maps.Clone(d.Namespaces), templates: d.Templates,
	}
	if c.desired.declared == nil {
		c.desired.declared = map[string]spec.Namespace{}
	}
	c.declareLeft()
	// linkd always looks at its own namespace, because most of what it may have left is there.
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

// dropDomain drops a namespace that is no longer declared.
func (c *Core) dropDomain(name string) {
	d := c.domains[name]
	c.forget(d)
	c.claim(d, "")
	for _, l := range d.lanes {
		clear(l.dirty)
		delete(c.plan.retries, l)
		delete(c.plan.resting, l)
		delete(c.plan.notLooked, l)
	}
	delete(c.domains, name)
	maps.DeleteFunc(c.found.sought, func(s scope, _ bool) bool { return s.ns == name })
}

// forget drops what was observed in a namespace.
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
	if d.location.Identity != "" {
		d.before = d.location
	}
	d.location = observe.Location{}
}

// Pins returns the identities of namespaces that were found by a PID and in which linkd did something: another
// process may have that PID now.
func (c *Core) Pins() map[string]observe.Identity {
	pins := map[string]observe.Identity{}
	for id, entry := range c.journal.Entries() {
		if c.desired.declared[id.NS].Selector.Scheme == "pid" {
			pins[id.NS] = entry.Identity
		}
	}
	return pins
}

// declareLeft declares the namespaces in which linkd left something and that the files no longer name. If the files
// have another name for the same selector, the journal entries move to that name. If the files use the name for
// another selector, the entries move to a name made from their selector.
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

// WantTemplates sets a desired state that differs from the last one only by what templates stand for: a container
// appeared or disappeared. It keeps the state of unchanged resources and looks only at changed ones, so that a new
// container does not wait for looks at all others.
func (c *Core) WantTemplates(d *spec.Desired, complete bool) {
	before := c.desired
	c.declare(d, complete)
	if before.partial && complete {
		// The earlier state was not known completely, and now it is.
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

// compareAll marks everything for comparison that was observed or has a journal entry.
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

// decideAnew drops the verdict of a resource and looks at its scope. If its namespace is no longer declared, linkd
// left nothing there.
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

// LookAtSilent makes the scopes dirty that can change without an event.
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

// LookForReturned makes linkd search everywhere for resources that it made and deleted, and that may have come back.
func (c *Core) LookForReturned() {
	for i := range c.kinds.list {
		k := &c.kinds.list[i]
		if !k.Recurs {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(c.desired.declared)) {
			if !c.matters(scope{name, k.Name}) {
				c.seek(c.domain(name), k)
			}
		}
	}
}

// seek makes the next look at a kind in a domain a search.
func (c *Core) seek(d *domain, k *Registered) {
	c.found.sought[scope{d.name, k.Name}] = true
	c.mark(d, k, wholeScope)
}

// announced reports whether the kernel announces changes of everything that was observed in a scope of a silent kind.
func (c *Core) announced(s scope) bool {
	found, kind := c.found.observed[s.ns][s.kind], c.kinds.byName[s.kind]
	for _, r := range found {
		if kind.silent(r) {
			return false
		}
	}
	return len(found) > 0
}

// matters reports whether a scope has something that is desired, needed, recorded or in the way of an op. A scope of
// a kind with fetched resources always matters, because somebody may have moved one there. Events about other scopes
// make them stale only.
func (c *Core) matters(s scope) bool {
	index := c.desired.index
	return index.relevant[s] || len(c.found.inTheWay[s]) > 0 || c.journal.Has(s) || index.fetchedKinds[s.kind] || c.journal.HasFetched(s.kind)
}

// Notify makes dirty what events are about. A pending resource there is tried again soon: what it waits for, such as
// the address that a route uses, may exist now.
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
			// The kinds with this topic look at namespace names, which are in linkd's own namespace.
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
				c.mark(d, k, c.coverageOfEvent(k, s, n))
				heard[s] = true
			case k.Recurs && n.Topic == k.Topics[0]:
				// The other topics are of what its resources depend on.
				c.seek(d, k)
			default:
				c.found.stale[s] = true
			}
		}
	}
}

// retrySoon shortens the wait of pending resources in scopes with events. A pause remains, because events can come
// all the time.
func (c *Core) retrySoon(heard map[scope]bool) {
	soon := c.Now.Add(firstRetry)
	for id, t := range c.postponed {
		if heard[scopeOf(id)] && t.verdict.State == Pending && t.until.After(soon) {
			t.until = soon
		}
	}
}

// isAbout reports whether events of a topic concern a kind.
func isAbout(k *Registered, t observe.Topic) bool {
	for _, heard := range k.Topics {
		if heard == t {
			return true
		}
	}
	return false
}
