package reconcile

import (
	"fmt"
	"slices"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// claim records the identity of the namespace that a name leads to; "" for none. It makes dirty the names that had
// shared the earlier identity.
func (c *Core) claim(d *domain, id observe.Identity) {
	if d.claimed == id {
		return
	}
	if before := c.found.claims[d.claimed]; before != nil {
		before.remove(d.name)
		for i, name := range slices.Sorted(before.keys()) {
			if i == 0 {
				// linkd would forget the entries under a name that leads nowhere.
				c.journal.Remember(name, c.desired.declared[name].Selector)
				c.journal.Merge(d.name, name, d.claimed)
			}
			c.markAll(c.domain(name))
		}
		if before.len() == 0 {
			delete(c.found.claims, d.claimed)
		}
	}
	if d.claimed = id; id == "" {
		return
	}
	if c.found.claims[id] == nil {
		c.found.claims[id] = &byKey[bool]{}
	}
	c.found.claims[id].put(d.name, true)
}

// resolve records which namespace a name leads to. If two names lead to the same namespace, it refuses both, unless
// one has precedence: each name would undo the resources of the other.
func (c *Core) resolve(d *domain, at observe.Location) (err error) {
	c.claim(d, at.Identity)
	for _, other := range slices.Sorted(c.found.claims[at.Identity].keys()) {
		if other == d.name {
			continue
		}
		c.moveEntries(d.name, other, at.Identity)
		same := fmt.Errorf("%s and %s are the same namespace: declare it once", min(d.name, other), max(d.name, other))
		mine, theirs := c.precedence(d.name), c.precedence(other)
		if mine == theirs && (c.isOfTemplate(d.name) || c.isOfTemplate(other)) {
			// linkd configures one of the containers that share a namespace.
			if mine = boolRank(c.yields(d, c.domain(other), at.Identity)); mine == 0 {
				same = fmt.Errorf("%s is in the network namespace of %s, which linkd configures", other, d.name)
			} else {
				same = fmt.Errorf("%s is in the network namespace of %s, which linkd configures", d.name, other)
			}
			theirs = 1 - mine
		}
		if mine == theirs && c.desired.left[d.name] && c.desired.left[other] {
			// No file has either name, so one of the two can carry out all removals.
			mine, theirs = boolRank(d.name > other), boolRank(other > d.name)
		}
		if od := c.domains[other]; theirs >= mine && od.location.Identity != "" {
			c.setMissing(od, same)
		}
		if mine >= theirs {
			err = same
		}
	}
	return err
}

// moveEntries moves the journal entries of a namespace from a name that is in no file to another name of that
// namespace. The name that is in no file may lead elsewhere one day, and then no name would lead to the entries.
func (c *Core) moveEntries(one, two string, id observe.Identity) {
	to, from := one, two
	if c.desired.left[one] && (!c.desired.left[two] || two < one) {
		to, from = two, one
	}
	if !c.desired.left[from] {
		return
	}
	c.journal.Remember(to, c.desired.declared[to].Selector)
	if c.journal.Merge(from, to, id) {
		c.markAll(c.domain(to))
	}
}

// isOfTemplate reports whether a namespace is that of a container of a template.
func (c *Core) isOfTemplate(name string) bool { return c.desired.declared[name].Template != "" }

// yields reports whether the name of d gives up a namespace that the name of other leads to as well. At least one of the two
// is the name of a template's container. The name in a file keeps the namespace; otherwise the name under which linkd has
// configured it, and otherwise the name that found it first.
func (c *Core) yields(d, other *domain, id observe.Identity) bool {
	if mine, theirs := c.isOfTemplate(d.name), c.isOfTemplate(other.name); mine != theirs {
		return mine
	}
	if mine, theirs := c.journal.Knows(d.name, id), c.journal.Knows(other.name, id); mine != theirs {
		return theirs
	}
	return other.location.Identity != ""
}

// precedence returns the rank of a name among names of the same namespace; the lower rank wins. A process can enter a
// namespace that has another name, so a selector that finds a process yields to one that does not. A name that is in
// no file yields to both.
func (c *Core) precedence(name string) int {
	switch declared := c.desired.declared[name]; {
	case declared.Left:
		return 2
	case declared.Selector.ByPID():
		return 1
	}
	return 0
}

// setPresent records that a namespace exists. It drops what was observed in an earlier namespace of the same name.
func (c *Core) setPresent(d *domain, r *Result) {
	if d.location.Identity == r.Location.Identity {
		d.location = r.Location
		return
	}
	c.noteNamespace(d.name, "there", nil)
	if d.location.Identity != "" {
		c.lookAtNames(d)
	}
	c.forget(d)
	c.forgetProgress(d.name)
	d.generation++
	d.location, d.missing, d.searches = r.Location, nil, 0
	for _, l := range d.lanes {
		c.plan.retries.remove(l)
	}
	looked := map[string]bool{}
	for _, s := range r.Request.Look {
		if s.covers.all {
			looked[s.Kind.Name] = true
		}
	}
	for i := range c.kinds.list {
		if k := &c.kinds.list[i]; !looked[k.Name] || r.failed[k.Name] != nil {
			c.mark(d, k, wholeScope)
		}
	}
}

// setMissing records that a namespace does not exist or cannot be used, and why.
func (c *Core) setMissing(d *domain, err error) {
	if d.missing == nil {
		c.noteNamespace(d.name, "missing", err)
		c.lookAtNames(d)
	}
	c.forget(d)
	d.generation++
	d.missing = err
	for _, l := range d.lanes {
		clear(l.dirty)
		c.plan.retries.remove(l)
		c.plan.candidates(l)
		c.unannounced.noteRequest(l)
	}
	for i := range c.kinds.list {
		c.plan.todo.scopes[scope{d.name, c.kinds.list[i].Name}] = true
	}
	c.plan.retries.set(d.lanes[netlinkLane], c.Now.Add(c.searchPause(d)))
}

// lookAtNames makes dirty the kinds that keep namespace names in linkd's own namespace, because a namespace
// disappeared or was replaced.
func (c *Core) lookAtNames(d *domain) {
	if d.name == spec.Host {
		return
	}
	for i := range c.kinds.list {
		if k := &c.kinds.list[i]; isAbout(k, observe.NamespaceTopic) {
			c.mark(c.domain(spec.Host), k, wholeScope)
		}
	}
}

// searchPause returns the time until linkd looks for a missing namespace again. A named namespace is announced when
// its file is created and is mounted a moment later without an event; a new process is not announced at all.
func (c *Core) searchPause(d *domain) time.Duration {
	longest := lastRetry
	if d.missing != nil && c.desired.declared[d.name].Selector.ByPID() {
		longest = processSearch
	}
	pause := min(firstSearch<<min(d.searches, 20), longest)
	d.searches++
	return pause
}

// forgetProgress drops the progress of everything in a namespace, because its name leads to another namespace now:
// nobody undid anything there and nothing was tried there. The same holds for resources elsewhere that reach into the
// namespace, and for those that need them: a veth ends with the namespace of its peer, and so do the port and the
// addresses of its other end.
func (c *Core) forgetProgress(name string) {
	var ended []spec.ID
	for i := range c.kinds.list {
		s := scope{name, c.kinds.list[i].Name}
		ended = append(ended, c.desired.index.fromElsewhere[s]...)
		for _, r := range c.desired.index.in(s) {
			ended = append(ended, r.ID())
		}
	}
	dependents, seen := c.desired.index.allDependents(), map[spec.ID]bool{}
	for len(ended) > 0 {
		id := ended[0]
		ended = ended[1:]
		if seen[id] {
			continue
		}
		seen[id] = true
		delete(c.wasOK, id)
		c.forgetAttemptsOf(id)
		delete(c.changes, id)
		ended = append(ended, dependents[id]...)
	}
}
