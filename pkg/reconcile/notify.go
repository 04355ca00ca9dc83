package reconcile

import (
	"maps"
	"slices"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

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
	for _, s := range c.silent() {
		if c.matters(s) && !c.announced(s) {
			c.markScope(s)
		}
	}
}

// silent returns the scopes of silent kinds that may matter, in order. They are few of those of all kinds in all namespaces.
func (c *Core) silent() []scope {
	scopes := map[scope]bool{}
	isSilent := func(s scope) bool {
		k := c.kinds.byName[s.kind]
		_, declared := c.desired.declared[s.ns]
		return declared && k != nil && k.Silent
	}
	for s := range c.desired.index.relevant {
		if isSilent(s) {
			scopes[s] = true
		}
	}
	for s := range c.found.inTheWay {
		if isSilent(s) {
			scopes[s] = true
		}
	}
	for _, s := range c.journal.scopesWith(isSilent) {
		scopes[s] = true
	}
	for i := range c.kinds.list {
		k := &c.kinds.list[i]
		if k.Silent && (c.desired.index.fetchedKinds[k.Name] || c.journal.HasFetched(k.Name)) {
			for name := range c.desired.declared {
				scopes[scope{name, k.Name}] = true
			}
		}
	}
	return inOrder(scopes, scope.compare)
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
	found, kind := c.found.in(s), c.kinds.byName[s.kind]
	for _, r := range found.all() {
		if kind.silent(r) {
			return false
		}
	}
	return found.len() > 0
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
		if !n.Foreign && n.By != (observe.Cause{}) {
			// What the kernel does itself after a change has no cause of its own.
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
	for s := range heard {
		for id := range c.postponedIn.in(s) {
			if t := c.attempts[id]; t.verdict.State == Pending && t.until.After(soon) {
				c.postpone(id, t, soon)
			}
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
