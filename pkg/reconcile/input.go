package reconcile

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Want sets the whole desired state. Unless it is complete, nothing counts as undeclared. The core then looks at
// everything again and tries again what failed before.
func (c *Core) Want(d *spec.Desired, complete bool) {
	before := c.desired.set
	c.declare(d, complete)
	clear(c.attempts)
	c.postponed, c.postponedIn = alarms[spec.ID]{}, newIDSet()
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
	c.plan.anew, c.plan.patienceForAll = true, patienceAnew+time.Duration(len(c.domains))*patienceEach
	for _, d := range c.domains {
		if l := d.lanes[netlinkLane]; len(l.dirty) > 0 && !l.late && (l.request == nil || !l.request.late) {
			c.plan.notLooked[l] = true
		}
	}
}

// declare replaces the desired state.
func (c *Core) declare(d *spec.Desired, complete bool) {
	search, before := c.desired.search, c.desired.declared
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
	for _, name := range inOrder(c.domains, strings.Compare) {
		now, declared := c.desired.declared[name]
		if !declared {
			c.dropDomain(name)
		} else if now.Selector != before[name].Selector {
			// The name leads elsewhere. Until it is looked at, it must not share the namespace that it led to with the name under
			// which the journal has that namespace now: the entries would move back, and nobody would look for them there.
			c.claim(c.domains[name], "")
		}
	}
	for name := range c.desired.declared {
		c.domain(name)
	}
	c.cancelAll()
	c.unannounced.releaseAll()
}

// dropDomain drops a namespace that is no longer declared.
func (c *Core) dropDomain(name string) {
	d := c.domains[name]
	c.forget(d)
	c.claim(d, "")
	for _, l := range d.lanes {
		clear(l.dirty)
		c.unannounced.drop(l)
		c.plan.retries.remove(l)
		delete(c.plan.resting, l)
		delete(c.plan.notLooked, l)
	}
	delete(c.domains, name)
	for i := range c.kinds.list {
		delete(c.found.sought, scope{name, c.kinds.list[i].Name})
	}
}

// forget drops what was observed in a namespace.
func (c *Core) forget(d *domain) {
	touched := map[string]map[spec.Place]bool{}
	for kind, rs := range c.found.relations {
		touched[kind] = map[spec.Place]bool{}
		for _, r := range c.found.observed[d.name][kind].all() {
			rs.remove(r, touched[kind])
		}
	}
	gone := c.found.observed[d.name]
	delete(c.found.observed, d.name)
	for kind, resources := range gone {
		c.noteChanges(scope{d.name, kind}, resources, nil)
		c.found.losses.updateAll(scope{d.name, kind}, resources, nil)
	}
	for i := range c.kinds.list {
		s := scope{d.name, c.kinds.list[i].Name}
		delete(c.found.onLinks, s)
		delete(c.found.inPart, s)
		delete(c.found.memories, s)
		delete(c.found.lookErrors, s)
	}
	for kind, rs := range c.found.relations {
		for _, id := range rs.connect(c.found.observed, touched[kind]) {
			c.found.losses.update(id)
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
	for name, ns := range c.desired.declared {
		if ns.Selector.Scheme != "pid" {
			continue
		}
		if id := c.journal.IdentityOf(name); id != "" {
			pins[name] = id
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
		} else if v := c.verdictOf[id]; v != nil {
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
